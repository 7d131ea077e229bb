// Lines over time with their legend: Grafana's own TimeSeries.
import React from 'react';
import { TimeSeries } from '@grafana/ui';

export function Lines({ data, options, timeRange, width, height }) {
  return (
    <TimeSeries frames={data.series} structureRev={data.structureRev} timeRange={timeRange} timeZone="utc" width={width} height={height} legend={options.legend}>
      {() => null}
    </TimeSeries>
  );
}
