// States over time. A look-alike: Grafana's own is no package. Colours and words are those of its display processor.
import React from 'react';
import { formattedValueToString, getDisplayProcessor, getFieldDisplayName } from '@grafana/data';
import { VizLegend, VizLayout, measureText, useTheme2 } from '@grafana/ui';
import { TimeAxis } from './time_axis';

const AXIS = 22;
const FONT = 12;

export function Timeline({ data, options, width, height, timeRange }) {
  const theme = useTheme2();
  const rows = data.series.flatMap((frame) =>
    frame.fields
      .filter((field) => field.type !== 'time')
      .map((field) => ({ name: getFieldDisplayName(field, frame, data.series), runs: runs(frame.fields[0], field, theme) })),
  );
  const legend = legendOf(rows);
  const items = options.legend.showLegend && legend.length > 0;
  return (
    <VizLayout width={width} height={height} legend={items ? <VizLayout.Legend placement="bottom" maxHeight="35%"><VizLegend placement="bottom" items={legend} displayMode="list" /></VizLayout.Legend> : null}>
      {(plotWidth, plotHeight) => <Rows rows={rows} width={plotWidth} height={plotHeight} timeRange={timeRange} theme={theme} rowHeight={options.rowHeight} />}
    </VizLayout>
  );
}

function Rows({ rows, width, height, timeRange, theme, rowHeight }) {
  const names = Math.min(width * 0.4, Math.max(...rows.map(({ name }) => measureText(name, FONT).width)) + 12);
  const [start, end] = [timeRange.from.valueOf(), timeRange.to.valueOf()];
  const x = (time) => names + ((Math.min(Math.max(time, start), end) - start) / (end - start)) * (width - names);
  const each = (height - AXIS) / rows.length;
  return (
    <svg width={width} height={height} fontSize={FONT} fontFamily={theme.typography.fontFamily} style={{ display: 'block' }}>
      {rows.map(({ name, runs }, number) => (
        <g key={number} transform={`translate(0 ${number * each})`}>
          {number % Math.ceil(FONT / each) === 0 && <text data-name x={names - 8} y={each / 2 + 4} textAnchor="end" fill={theme.colors.text.primary}>{name}</text>}
          {runs.map((run) => {
            const [left, right] = [x(run.from), x(run.to)];
            const fits = measureText(run.text, FONT).width + 8 < right - left && each > FONT;
            return (
              <g key={run.from}>
                <rect x={left} width={Math.max(right - left, 1)} y={(each * (1 - rowHeight)) / 2} height={each * rowHeight} fill={run.color} fillOpacity={0.75} />
                {fits && <text x={left + 4} y={each / 2 + 4} fill={theme.colors.getContrastText(run.color, 2)}>{run.text}</text>}
              </g>
            );
          })}
        </g>
      ))}
      <TimeAxis left={names} width={width} top={height - AXIS} timeRange={timeRange} />
    </svg>
  );
}

/** Neighbours of one text as one; a point that is missing is a gap. */
function runs(times, field, theme) {
  const display = field.display ?? getDisplayProcessor({ field, theme, timeZone: 'utc' });
  const step = times.config.interval ?? Infinity;
  const found = [];
  field.values.forEach((value, index) => {
    if (value === null || value === undefined || Number.isNaN(value)) return;
    const { color, ...shown } = display(value);
    const [from, text, last] = [times.values[index], formattedValueToString(shown), found.at(-1)];
    if (last && last.text === text && from - last.last <= step * 1.01) {
      Object.assign(last, { last: from, to: from + step });
    } else {
      if (last && from - last.last <= step * 1.01) last.to = from;
      found.push({ from, last: from, to: from + step, text, color });
    }
  });
  return found;
}

function legendOf(rows) {
  const texts = new Map(rows.flatMap(({ runs }) => runs.map(({ text, color }) => [text, color])));
  return [...texts].map(([label, color]) => ({ label, color, yAxis: 1 }));
}
