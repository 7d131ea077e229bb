// One number large, with a colour: Grafana's own BigValue.
import React from 'react';
import { getFieldDisplayValues, getDisplayValueAlignmentFactors } from '@grafana/data';
import { BigValue, VizRepeater, useTheme2 } from '@grafana/ui';

export function Stat({ data, options, fieldConfig, width, height, replaceVariables, renderCounter, timeRange }) {
  const theme = useTheme2();
  const values = () => getFieldDisplayValues({
    fieldConfig,
    reduceOptions: options.reduceOptions,
    replaceVariables,
    theme,
    data: data.series,
    sparkline: options.graphMode !== 'none',
    timeZone: 'utc',
  });
  const value = ({ value: { display, sparkline, name }, width, height, count, alignmentFactors }) => (
    <BigValue
      value={{ ...display, title: count > 1 || options.textMode === 'value_and_name' ? display.title ?? name : undefined }}
      count={count}
      sparkline={sparkline}
      colorMode={options.colorMode}
      graphMode={options.graphMode}
      justifyMode={options.justifyMode}
      textMode={options.textMode}
      wideLayout={options.wideLayout}
      alignmentFactors={alignmentFactors}
      width={width}
      height={height}
      theme={theme}
    />
  );
  return (
    <VizRepeater
      getValues={values}
      getAlignmentFactors={(shown) => getDisplayValueAlignmentFactors(shown)}
      renderValue={value}
      width={width}
      height={height}
      source={data}
      itemSpacing={3}
      renderCounter={renderCounter}
      autoGrid={true}
      orientation={options.orientation}
    />
  );
}
