// The data source: Prometheus' HTTP API, in the shapes of Grafana's own Prometheus data source.
import { DataSourceApi, FieldType, createDataFrame } from '@grafana/data';
import { getTemplateSrv } from '@grafana/runtime';
import { from } from 'rxjs';

export const SETTINGS = {
  id: 1,
  uid: 'prometheus',
  type: 'prometheus',
  name: 'Prometheus',
  access: 'proxy',
  readOnly: true,
  isDefault: true,
  jsonData: {},
  meta: { id: 'prometheus', name: 'Prometheus', info: { logos: {} } },
};

// `timeInterval` of deploy/grafana/provisioning.
const SCRAPE_SECONDS = 15;

class Prometheus extends DataSourceApi {
  constructor() {
    super(SETTINGS);
    this.meta = SETTINGS.meta;
  }

  query(request) {
    return from(this.all(request));
  }

  async all(request) {
    const asked = request.targets.filter((target) => target.expr && !target.hide);
    const frames = await Promise.all(asked.map((target) => one(target, request, asked.length)));
    return { data: frames.flat() };
  }

  /** The values of a variable. */
  async metricFindQuery(query, options) {
    const text = escaped(typeof query === 'string' ? query : query.query, options?.scopedVars);
    const [, series, label] = text.match(/^label_values\((?:(.+),\s*)?(\w+)\)$/s);
    const { from: start, to: end } = options.range;
    const found = await get(`label/${label}/values`, {
      ...(series && { 'match[]': series }),
      start: start.valueOf() / 1000,
      end: end.valueOf() / 1000,
    });
    return found.map((value) => ({ text: value, value }));
  }

  getRef() {
    return { type: 'prometheus', uid: SETTINGS.uid };
  }

  async testDatasource() {
    return {};
  }
}

export const prometheus = new Prometheus();

/** The frames of one query. */
async function one(target, request, queries) {
  const [start, end] = [request.range.from, request.range.to].map((time) => time.valueOf() / 1000);
  const least = Math.max(seconds(target.interval) ?? SCRAPE_SECONDS, 1);
  const step = Math.max(least, Math.ceil(request.intervalMs / 1000));
  const own = {
    __interval: `${step}s`,
    __rate_interval: `${Math.max(step + least, 4 * least)}s`,
    __range: `${Math.round(end - start)}s`,
    __range_s: `${Math.round(end - start)}`,
  };
  const scoped = Object.fromEntries(Object.entries(own).map(([name, value]) => [name, { text: value, value }]));
  const query = escaped(target.expr, { ...request.scopedVars, ...scoped });
  const answer = target.instant
    ? await get('query', { query, time: end })
    : await get('query_range', { query, start: Math.floor(start / step) * step, end: Math.floor(end / step) * step, step });
  const series = answer.resultType === 'scalar' ? [{ metric: {}, value: answer.result }] : answer.result;
  if (target.format === 'table') {
    return [table(target, series, queries)];
  }
  return series.map((found) => line(target, found, step));
}

/** One series over time, named by its legend. */
function line(target, { metric, value, values }, step) {
  const points = values ?? [value];
  const name = legend(target.legendFormat, metric);
  return createDataFrame({
    refId: target.refId,
    name,
    fields: [
      // The distance of points, which tells a gap from a line.
      { name: 'Time', type: FieldType.time, config: { interval: step * 1000 }, values: points.map(([time]) => time * 1000) },
      { name: 'Value', type: FieldType.number, labels: metric, config: { displayNameFromDS: name }, values: points.map(([, text]) => number(text)) },
    ],
  });
}

/** Series as rows: their labels, and a value that is named by the query where there are several. */
function table(target, series, queries) {
  const labels = [...new Set(series.flatMap(({ metric }) => Object.keys(metric).sort()))];
  const rows = series.flatMap(({ metric, value, values }) => (values ?? [value]).map(([time, text]) => ({ metric, time, text })));
  const text = (label) => ({ name: label, type: FieldType.string, config: { filterable: true }, values: rows.map(({ metric }) => metric[label] ?? '') });
  return createDataFrame({
    refId: target.refId,
    fields: [
      { name: 'Time', type: FieldType.time, values: rows.map(({ time }) => time * 1000) },
      ...labels.map(text),
      { name: queries > 1 ? `Value #${target.refId}` : 'Value', type: FieldType.number, values: rows.map((row) => number(row.text)) },
    ],
  });
}

function legend(format, metric) {
  if (format && format !== '__auto') {
    return format.replace(/\{\{\s*(.+?)\s*\}\}/g, (_, label) => metric[label] ?? '');
  }
  const { __name__: name = '', ...labels } = metric;
  const pairs = Object.entries(labels).map(([label, value]) => `${label}="${value}"`);
  return pairs.length ? `${name}{${pairs.join(', ')}}` : name || 'Value';
}

/** Variables put in as the data source does: values escaped for a regular expression in a string. */
function escaped(text, scoped) {
  const escape = (value) => String(value).replace(/\\/g, '\\\\\\\\').replace(/[$^*{}[\]'+?.()|]/g, '\\\\$&');
  return getTemplateSrv().replace(text, scoped, (value) => {
    const values = [value].flat().map(escape);
    return values.length === 1 ? values[0] : `(${values.join('|')})`;
  });
}

async function get(path, parameters) {
  const response = await fetch(`/prometheus/api/v1/${path}?${new URLSearchParams(parameters)}`);
  const answer = await response.json();
  if (answer.status !== 'success') {
    throw new Error(`${answer.error} (${parameters.query ?? path})`);
  }
  return answer.data;
}

const number = (text) => (text === 'NaN' ? NaN : Number(text.replace('Inf', 'Infinity')));

function seconds(interval) {
  const [, amount, unit] = /^>?(\d+)([smh])$/.exec(interval ?? '') ?? [];
  return unit && Number(amount) * { s: 1, m: 60, h: 3600 }[unit];
}
