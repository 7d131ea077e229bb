// Which dashboard is looked at when, and what must be seen on it then.
import { readFileSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const HERE = dirname(fileURLToPath(import.meta.url));
const BOARDS = JSON.parse(readFileSync(join(HERE, 'boards.json')));

/** What the page may fetch, by the first part of the path. */
export const foldersOf = (suite) => ({
  '': join(HERE, 'dist'),
  boards: join(suite, 'dashboards'),
  fonts: join(HERE, 'node_modules/@fontsource'),
  // The icons.
  build: join(HERE, 'node_modules/@grafana/ui/dist/public'),
});

/** Each dashboard of the suite twice. */
export function situationsOf(suite, moments) {
  const files = readdirSync(join(suite, 'dashboards')).filter((file) => file.endsWith('.json'));
  return files.flatMap((file) => {
    const board = file.replace('.json', '');
    const known = BOARDS[board];
    if (!known) throw new Error(`boards.json does not say what the incident of ${board} is`);
    const json = JSON.parse(readFileSync(join(suite, 'dashboards', file)));
    const at = (name) => moments.find((moment) => moment.name === name)?.at ?? fail(`there is no moment ${name}`);
    const [mayBeEmpty, title] = [emptyOf(json), json.title];
    return [
      { board, title, name: 'calm', at: at('calm'), variables: known.variables ?? {}, mayBeEmpty, mustShow: [] },
      { board, title, name: 'incident', at: at(known.moment), variables: known.variables ?? {}, mayBeEmpty, mustShow: known.shows },
    ];
  });
}

/** The panels of which the board itself says that they may show nothing. */
function emptyOf(json) {
  const panels = json.panels.flatMap((panel) => [panel, ...(panel.panels ?? [])]);
  return panels.filter(({ description }) => description?.includes('May be empty:')).map(({ title }) => title);
}

/** What is wrong with what was seen. */
export function faultsOf({ mayBeEmpty, mustShow }, { found, empty, panels }, said) {
  const isWrong = (title) => !mayBeEmpty.includes(title) || mustShow.includes(title);
  return [
    ...said.map((what) => ({ panel: '', what })),
    ...found,
    ...(panels === 0 ? [{ panel: '', what: 'no panel was drawn' }] : []),
    ...empty.filter(isWrong).map((panel) => ({ panel, what: 'shows nothing' })),
  ];
}

function fail(message) {
  throw new Error(message);
}
