// How the page is bundled.
import { defineConfig } from 'vite';
import react from '@vitejs/plugin-react';

export default defineConfig({
  plugins: [react()],
  define: { 'process.env': {}, global: 'globalThis' },
  build: {
    target: 'esnext',
    minify: false,
    chunkSizeWarningLimit: 99999,
    // Some packages of Grafana import types as if they were values.
    rollupOptions: { shimMissingExports: true },
  },
  resolve: {
    // The name is that of a bridge to the router's sixth version, which is here already.
    alias: { 'react-router-dom-v5-compat': 'react-router-dom' },
    dedupe: ['react', 'react-dom', 'rxjs', '@grafana/data', '@grafana/runtime', '@grafana/ui', '@grafana/schema'],
  },
});
