// The hours below what is drawn over time here.
import React from 'react';
import { dateTimeFormat } from '@grafana/data';
import { useTheme2 } from '@grafana/ui';

const STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 180, 360].map((minutes) => minutes * 60_000);

export function TimeAxis({ left, width, top, timeRange }) {
  const theme = useTheme2();
  const [start, end] = [timeRange.from.valueOf(), timeRange.to.valueOf()];
  const step = STEPS.find((one) => (end - start) / one <= (width - left) / 70) ?? STEPS.at(-1);
  const ticks = [];
  for (let time = Math.ceil(start / step) * step; time <= end; time += step) ticks.push(time);
  return ticks.map((time) => {
    const x = left + ((time - start) / (end - start)) * (width - left);
    return x < width - 18 && x > left + 16 && <text key={time} x={x} y={top + 16} textAnchor="middle" fontSize={12} fill={theme.colors.text.secondary}>{dateTimeFormat(time, { format: 'HH:mm', timeZone: 'utc' })}</text>;
  });
}
