// Proves that what must be found wrong is found: a dashboard in which everything is wrong, in front of a data source that
// answers by the name of the metric.
import assert from 'node:assert/strict';
import http from 'node:http';
import { join } from 'node:path';
import { fit, launch, open } from './browser.js';
import { serve } from './site.js';
import { faultsOf, foldersOf } from './situations.js';

const NOW = 1_700_000_000;
const answers = {
  one: [{ metric: { __name__: 'one' }, value: [NOW, '1'] }],
  none: [],
  not_a_number: [{ metric: {}, value: [NOW, 'NaN'] }],
  long: ['does', 'does not'].map((end) => ({
    metric: { name: `a name of a series that is as long as no legend is wide, whatever one ${end}` },
    values: [[NOW - 30, '1'], [NOW - 15, '2']],
  })),
};

const source = http.createServer((request, response) => {
  const query = new URL(request.url, 'http://source').searchParams.get('query');
  const result = answers[query];
  const answer = result ? { status: 'success', data: { resultType: 'vector', result } } : { status: 'error', error: 'parse error' };
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answer));
});
await new Promise((ready) => source.listen(0, '127.0.0.1', ready));
source.unref();
const here = new URL('.', import.meta.url).pathname;
const site = await serve({ ...foldersOf(here), boards: join(here, 'broken') }, `http://127.0.0.1:${source.address().port}`);
const browser = await launch();
const situation = { board: 'broken', variables: {}, at: NOW, mayBeEmpty: ['May be empty'], mustShow: [] };
const { page, said } = await open(browser, site, situation);
await fit(page, 1280);
const seen = await page.evaluate(() => window.pictures.look());
await browser.close();

const found = faultsOf(situation, seen, said).map(({ panel, what }) => `${panel}: ${what}`);
const expected = [
  /^: query: parse error/,
  /^Fails: an error box/,
  /^Shows nothing: shows nothing/,
  /^A title that is far too long.*: its title is cut/,
  /^Not a number: shows NaN/,
  /^Legend: cut in its legend, and then like another: a name/,
  /^No data: shows nothing/,
];
for (const fault of expected) {
  assert(found.some((one) => fault.test(one)), `${fault} is not among\n${found.join('\n')}`);
}
const rest = found.filter((one) => !expected.some((fault) => fault.test(one)));
assert.deepEqual(rest, [], 'and nothing else is wrong');
console.log(`${expected.length} kinds of faults are found`);
process.exit(0);
