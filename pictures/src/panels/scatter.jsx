// One value against another. A look-alike: Grafana's own is no package.
import React from 'react';
import { formattedValueToString, getDisplayProcessor } from '@grafana/data';
import { VizLayout, VizLegend, useTheme2 } from '@grafana/ui';

const [LEFT, BELOW, ABOVE] = [64, 24, 8];
const TICKS = [0, 0.25, 0.5, 0.75, 1];

export function Scatter({ data, options, width, height }) {
  const theme = useTheme2();
  const frame = data.series[0];
  const field = (name) => frame.fields.find((one) => (one.config.displayName ?? one.name) === name);
  const display = (one) => one.display ?? getDisplayProcessor({ field: one, theme, timeZone: 'utc' });
  const series = options.series.filter(({ x, y }) => field(x) && field(y)).map(({ x, y }) => ({ x: field(x), y: field(y), name: y }));
  const largest = (axis) => Math.max(...series.flatMap((one) => one[axis].values).filter(Number.isFinite)) * 1.05;
  const [mostX, mostY] = [largest('x'), largest('y')];
  const color = (one) => theme.visualization.getColorByName(one.config.color?.fixedColor ?? 'blue');
  const items = series.map(({ y, name }) => ({ label: name, color: color(y), yAxis: 1 }));
  return (
    <VizLayout width={width} height={height} legend={<VizLayout.Legend placement="bottom" maxHeight="35%"><VizLegend placement="bottom" items={items} displayMode="list" /></VizLayout.Legend>}>
      {(plotWidth, plotHeight) => {
        const px = (value) => LEFT + (value / mostX) * (plotWidth - LEFT - 16);
        const py = (value) => plotHeight - BELOW - (value / mostY) * (plotHeight - BELOW - ABOVE);
        return (
          <svg width={plotWidth} height={plotHeight} fontSize={12} fill={theme.colors.text.primary} style={{ display: 'block' }}>
            {TICKS.map((part) => (
              <g key={part}>
                <line x1={LEFT} x2={plotWidth} y1={py(part * mostY)} y2={py(part * mostY)} stroke={theme.colors.border.weak} />
                <text x={LEFT - 6} y={py(part * mostY) + 4} textAnchor="end">{formattedValueToString(display(series[0].y)(part * mostY))}</text>
                <text x={px(part * mostX)} y={plotHeight - 6} textAnchor={part === 1 ? 'end' : 'middle'}>{formattedValueToString(display(series[0].x)(part * mostX))}</text>
              </g>
            ))}
            {series.map(({ x, y, name }) => drawn(x, y, name, color(y), px, py))}
          </svg>
        );
      }}
    </VizLayout>
  );
}

function drawn(x, y, name, color, px, py) {
  const points = x.values.map((value, index) => [value, y.values[index]]).filter(([one, other]) => Number.isFinite(one) && Number.isFinite(other));
  if (y.config.custom?.show === 'lines') {
    const path = points.sort(([one], [other]) => one - other).map(([one, other]) => `${px(one)} ${py(other)}`).join('L');
    return <path key={name} d={`M${path}`} stroke={color} fill="none" />;
  }
  return points.map(([one, other], number) => <circle key={`${name} ${number}`} cx={px(one)} cy={py(other)} r={3} fill={color} />);
}
