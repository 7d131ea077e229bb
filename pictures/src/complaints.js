// What is wrong with the page: what the code complained of, and what can be measured of what was drawn.
const complaints = new Set();
const panels = new Map();

export function complain(text) {
  complaints.add(text);
}

/** Keeps what a panel was last drawn of. */
export function drew({ id, title, data }, kind) {
  panels.set(title, { kind, state: data.state, rows: data.series.reduce((rows, frame) => rows + frame.length, 0) });
}

/** Whether every query has its answer. */
function isDone() {
  return panels.size > 0 && [...panels.values()].every(({ state }) => state === 'Done' || state === 'Error');
}

/** Everything that is wrong, as {panel, what}; and which panels show nothing. */
function look() {
  const found = [...complaints].map((what) => ({ panel: '', what }));
  const empty = [];
  const drawn = [...document.querySelectorAll('section[data-testid^="data-testid Panel header"]')];
  for (const panel of drawn) {
    const title = panel.dataset.testid.replace('data-testid Panel header ', '');
    const add = (what) => found.push({ panel: title, what });
    const content = panel.querySelector('[data-testid="data-testid panel content"]');
    const isError = panel.querySelector('[data-testid*="Panel status error"], [data-error]') !== null;
    if (isError) add('an error box');
    const text = content.innerText.trim();
    if (isError) continue;
    if (panel.querySelector('[data-empty]') || /^no data$/i.test(text)) empty.push(title);
    const odd = text.match(/.{0,30}\b(NaN|undefined|Invalid date|\[object Object\]).{0,30}/i);
    if (odd) add(`shows ${odd[0]}`);
    const heading = panel.querySelector('h2');
    if (heading && isCut(heading)) add('its title is cut');
    for (const header of content.querySelectorAll('[role="columnheader"]')) {
      if (reachesOut(header)) add(`the title of a column is cut: ${header.textContent}`);
    }
    for (const name of alike([...content.querySelectorAll('[class*="LegendLabel"]')])) {
      add(`cut in its legend, and then like another: ${name}`);
    }
    const frame = panel.getBoundingClientRect();
    for (const part of content.querySelectorAll('svg text, [data-name]')) {
      const { left, right } = part.getBoundingClientRect();
      if (left < frame.left - 1 || right > frame.right + 1) add(`reaches out of it: ${part.textContent}`);
    }
    if (content.scrollWidth > content.clientWidth + 1 || content.scrollHeight > content.clientHeight + 1) add('more than fits into it');
  }
  if (document.documentElement.scrollWidth > innerWidth + 1) found.push({ panel: '', what: 'the page is wider than the window' });
  return { found, empty, panels: drawn.length };
}

/** The names that are cut, and of which the rest does not tell them from others: a long name has its end in the tooltip. */
function alike(labels) {
  const seen = (label) => label.textContent.slice(0, Math.floor((label.textContent.length * label.clientWidth) / label.scrollWidth) - 1);
  const isLike = (label, other) => other !== label && other.textContent !== label.textContent && other.textContent.startsWith(seen(label));
  return labels.filter((label) => isCut(label) && labels.some((other) => isLike(label, other))).map((label) => label.textContent);
}

/** Whether words of an element stand where it is not: it may be cut at its left. */
function reachesOut(element) {
  const words = document.createRange();
  words.selectNodeContents(element);
  const [outer, inner] = [element.getBoundingClientRect(), words.getBoundingClientRect()];
  return inner.left < outer.left - 1 || inner.right > outer.right + 1;
}

const isCut = (element) => element.scrollWidth > element.clientWidth + 1 && getComputedStyle(element).textOverflow === 'ellipsis';

window.pictures = { isDone, look };
