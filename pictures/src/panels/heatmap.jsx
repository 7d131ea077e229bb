// A histogram over time. A look-alike: Grafana's own is no package.
import React from 'react';
import { getValueFormat, formattedValueToString } from '@grafana/data';
import { useTheme2 } from '@grafana/ui';
import { TimeAxis } from './time_axis';

const LEFT = 60;
const AXIS = 22;

export function Heatmap({ data, options, width, height, timeRange }) {
  const theme = useTheme2();
  const buckets = data.series.map((frame) => ({ edge: edge(frame), frame })).sort((one, other) => one.edge - other.edge);
  const cells = buckets.flatMap(({ frame }, number) => frame.fields[0].values.map((time, index) => {
    const below = number > 0 ? valueAt(buckets[number - 1].frame, time) : 0;
    return { time, number, value: Math.max(0, frame.fields[1].values[index] - below) };
  })).filter(({ value }) => value > (options.filterValues?.le ?? 0));
  const largest = Math.max(...cells.map(({ value }) => value));
  const [start, end] = [timeRange.from.valueOf(), timeRange.to.valueOf()];
  const step = data.series[0].fields[0].config.interval;
  const each = (height - AXIS) / buckets.length;
  const unit = getValueFormat(options.yAxis.unit);
  return (
    <svg width={width} height={height} fontSize={11} style={{ display: 'block' }}>
      {buckets.map(({ edge }, number) => (number % Math.ceil(14 / each) === 0) && (
        <text key={edge} data-name x={LEFT - 6} y={height - AXIS - number * each - each / 2 + 4} textAnchor="end" fill={theme.colors.text.primary}>
          {edge === Infinity ? '+Inf' : formattedValueToString(unit(edge))}
        </text>
      ))}
      {cells.map(({ time, number, value }) => (
        <rect
          key={`${time} ${number}`}
          x={LEFT + ((time - start) / (end - start)) * (width - LEFT)}
          y={height - AXIS - (number + 1) * each}
          width={Math.max((step / (end - start)) * (width - LEFT) - 1, 1)}
          height={Math.max(each - 1, 1)}
          fill={`hsl(25 90% ${20 + 55 * Math.sqrt(value / largest)}%)`}
        />
      ))}
      <TimeAxis left={LEFT} width={width} top={height - AXIS} timeRange={timeRange} />
    </svg>
  );
}

const edge = (frame) => Number((frame.fields[1].labels.le ?? '').replace('+Inf', 'Infinity'));
const valueAt = (frame, time) => frame.fields[1].values[frame.fields[0].values.indexOf(time)] ?? 0;
