// A table: Grafana's own TableNG.
import React, { useMemo } from 'react';
import { cacheFieldDisplayNames } from '@grafana/data';
import { TableNG } from '@grafana/ui/unstable';

export function Table({ data, options, fieldConfig, width, height, timeRange }) {
  const frame = useMemo(() => prepared(data.series), [data.series]);
  return (
    <TableNG
      data={frame}
      structureRev={data.structureRev}
      width={width}
      height={height}
      noHeader={!options.showHeader}
      showTypeIcons={false}
      resizable={true}
      sortBy={options.sortBy}
      cellHeight={options.cellHeight}
      fieldConfig={fieldConfig}
      timeRange={timeRange}
      getActions={() => []}
      // Each row must be there, to be looked at.
      enableVirtualization={false}
    />
  );
}

/** What Grafana's core does before: names are settled, and what older boards call hidden is not shown. */
function prepared(series) {
  cacheFieldDisplayNames(series);
  const [{ fields, ...frame }] = series;
  return { ...frame, fields: fields.map(shown) };
}

function shown(field) {
  const { custom } = field.config;
  return custom?.hidden ? { ...field, config: { ...field.config, custom: { ...custom, hideFrom: { viz: true } } } } : field;
}
