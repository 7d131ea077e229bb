// The browser, and a page in it that shows a dashboard at a moment.
import { existsSync } from 'node:fs';
import { chromium } from 'playwright-core';

const PROGRAMS = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
const PATIENCE_MS = 180_000;
// After the last answer: until Grafana has drawn it, and asked again where the width says so.
const SETTLE_MS = 1_200;
const HEIGHT = 1080;

export function launch() {
  return chromium.launch({
    executablePath: PROGRAMS.find(existsSync),
    // It asks nobody outside for anything.
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
  });
}

/** A page of which the clock stands at the moment, and what it says in its console that is an error. */
export async function open(browser, site, { board, variables, at }) {
  const page = await browser.newPage({ viewport: { width: 1920, height: HEIGHT }, timezoneId: 'UTC' });
  page.setDefaultTimeout(PATIENCE_MS);
  const said = [];
  page.on('console', (message) => message.type() === 'error' && said.push(`console: ${message.text().slice(0, 300)} ${message.location().url}`));
  page.on('pageerror', (error) => said.push(`error: ${String(error.stack ?? error).slice(0, 500)}`));
  await page.clock.setFixedTime(at * 1000);
  const chosen = Object.entries(variables).map(([name, value]) => [`var-${name}`, value]);
  await page.goto(`${site}/?${new URLSearchParams([['board', board], ['from', 'now-15m'], ['to', 'now'], ...chosen])}`);
  return { page, said };
}

/** Makes the window as wide as that, and as high as the whole dashboard. */
export async function fit(page, width) {
  await page.setViewportSize({ width, height: HEIGHT });
  await settled(page);
  const height = await page.evaluate(() => Math.ceil(document.querySelector('#root > div').getBoundingClientRect().height));
  await page.setViewportSize({ width, height });
  await settled(page);
}

async function settled(page) {
  await page.waitForTimeout(SETTLE_MS);
  await page.waitForFunction(() => window.pictures?.isDone(), null, { timeout: PATIENCE_MS });
  await page.waitForTimeout(SETTLE_MS);
}
