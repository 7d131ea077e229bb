// Takes the pictures of every dashboard, calm and in its incident, at two widths, and says what is wrong with them.
//
//   node take.js --suite FOLDER --recording FOLDER --out FOLDER [--publish FOLDER] [BOARD...]
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { fit, launch, open } from './browser.js';
import { start } from './history.js';
import { publish } from './publish.js';
import { serve } from './site.js';
import { faultsOf, foldersOf, situationsOf } from './situations.js';

const WIDTHS = [1920, 1280];
// Of the first screen, which the documents show.
const FIRST = { x: 0, y: 0, width: WIDTHS.at(-1), height: 960 };

const { values: told, positionals: only } = parseArgs({
  allowPositionals: true,
  options: { suite: { type: 'string' }, recording: { type: 'string' }, out: { type: 'string' }, publish: { type: 'string' } },
});
const moments = JSON.parse(readFileSync(join(told.recording, 'moments.json')));
const situations = situationsOf(told.suite, moments).filter(({ board }) => only.length === 0 || only.includes(board));
mkdirSync(told.out, { recursive: true });

const history = await start(told.recording);
const site = await serve(foldersOf(told.suite), history.url);
const browser = await launch();
let [taken, faults] = [0, 0];
const firsts = [];
for (const situation of situations) {
  const { page, said } = await open(browser, site, situation);
  for (const width of WIDTHS) {
    await fit(page, width);
    const seen = await page.evaluate(() => window.pictures.look());
    const name = `${situation.board}-${situation.name}-${width}.png`;
    await page.screenshot({ path: join(told.out, name) });
    const wrong = faultsOf(situation, seen, said.splice(0));
    tell(name, seen, wrong);
    taken += 1;
    faults += wrong.length;
  }
  firsts.push({ situation, picture: await page.screenshot({ clip: FIRST }) });
  await page.close();
}
if (told.publish) await publish(browser, firsts, told.publish);
await browser.close();
history.stop();
console.log(`${taken} pictures in ${told.out}, ${faults} faults`);
process.exit(faults === 0 && taken > 0 ? 0 : 1);

function tell(name, { panels, empty }, wrong) {
  const parts = [`${panels} panels`];
  if (empty.length) parts.push(`${empty.length} empty`);
  if (wrong.length) parts.push(`${wrong.length} FAULTS`);
  console.log(`${name}  ${parts.join(', ')}`);
  // The first of each panel: a legend has many names.
  for (const panel of new Set(wrong.map((one) => one.panel))) {
    const [{ what }, ...more] = wrong.filter((one) => one.panel === panel);
    console.log(`    ${panel || 'the page'}: ${what}${more.length ? `, and ${more.length} more` : ''}`);
  }
}
