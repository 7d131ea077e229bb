// The page: one dashboard, as the address asks for it (?board=UID&from=MS&to=MS&var-NAME=VALUE).
import React from 'react';
import { createRoot } from 'react-dom/client';
import { MemoryRouter } from 'react-router-dom';
import { ThemeContext } from '@grafana/data';
import { LocationServiceProvider, locationService } from '@grafana/runtime';
import { GlobalStyles } from '@grafana/ui';
import { provide, theme } from './core';
import { scene } from './scene';
import './complaints';

const asked = new URLSearchParams(location.search);
const board = await (await fetch(`/boards/${asked.get('board')}.json`)).json();
const drawn = scene(board, asked);
await provide(drawn);

function Page() {
  const text = { color: theme.colors.text.primary, fontFamily: theme.typography.fontFamily };
  return (
    <ThemeContext.Provider value={theme}>
      <GlobalStyles />
      <LocationServiceProvider service={locationService}>
        <MemoryRouter>
          <div style={{ ...text, padding: 12, fontSize: 14 }}>
            <div style={{ display: 'flex', gap: 16, paddingBottom: 10, alignItems: 'baseline' }}>
              <span style={{ fontSize: 18, fontWeight: 500 }}>{board.title}</span>
              {board.links.map((link) => (
                <span key={link.title} style={{ color: theme.colors.text.secondary, fontSize: 12 }}>{link.title}</span>
              ))}
            </div>
            <drawn.Component model={drawn} />
          </div>
        </MemoryRouter>
      </LocationServiceProvider>
    </ThemeContext.Provider>
  );
}

createRoot(document.getElementById('root')).render(<Page />);
