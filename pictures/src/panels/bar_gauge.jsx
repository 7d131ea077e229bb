// Bars of values beside one another: Grafana's own BarGauge.
import React from 'react';
import { getFieldDisplayValues } from '@grafana/data';
import { BarGauge, VizRepeater, useTheme2 } from '@grafana/ui';

export function BarGauges({ data, options, fieldConfig, width, height, replaceVariables, renderCounter }) {
  const theme = useTheme2();
  const values = () => getFieldDisplayValues({ fieldConfig, reduceOptions: options.reduceOptions, replaceVariables, theme, data: data.series, timeZone: 'utc' });
  const value = ({ value: { display, field, view }, ...size }) => (
    <BarGauge value={display} field={field} display={view?.getFieldDisplayProcessor(0)} theme={theme} displayMode={options.displayMode} {...size} />
  );
  return <VizRepeater getValues={values} renderValue={value} width={width} height={height} source={data} minVizHeight={16} orientation={options.orientation ?? 'horizontal'} renderCounter={renderCounter} />;
}
