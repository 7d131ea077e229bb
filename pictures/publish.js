// The pictures that the documents show: of each dashboard the first screen, calm and in its incident.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const QUALITY = 72;
const WIDTH = 1920;

/** Writes one WebP a dashboard. */
export async function publish(browser, firsts, folder) {
  mkdirSync(folder, { recursive: true });
  for (const board of new Set(firsts.map(({ situation }) => situation.board))) {
    const two = firsts.filter(({ situation }) => situation.board === board);
    const pictures = two.map(({ situation, picture }) => `
      <figure style="margin: 0; flex: 1"><figcaption>${situation.name === 'calm' ? 'Calm' : 'In its incident'}</figcaption>
      <img style="width: 100%" src="data:image/png;base64,${picture.toString('base64')}"></figure>`);
    const page = await browser.newPage({ viewport: { width: WIDTH, height: 100 } });
    await page.setContent(`<body style="margin: 0; background: #000; color: #ccc; font: 18px sans-serif"><div style="display: flex; gap: 12px; padding: 6px">${pictures.join('')}</div>`);
    const height = await page.evaluate(() => Math.ceil(document.querySelector('div').getBoundingClientRect().height));
    const session = await page.context().newCDPSession(page);
    const clip = { x: 0, y: 0, width: WIDTH, height, scale: 1 };
    const { data } = await session.send('Page.captureScreenshot', { format: 'webp', quality: QUALITY, clip, captureBeyondViewport: true });
    writeFileSync(join(folder, `${board.replace('turbulence-', '')}.webp`), Buffer.from(data, 'base64'));
    await page.close();
  }
}
