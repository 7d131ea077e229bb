// Which component draws which kind of panel.
import React from 'react';
import { PanelPlugin, identityOverrideProcessor } from '@grafana/data';
import { complain, drew } from './complaints';
import { BarGauges } from './panels/bar_gauge';
import { Heatmap } from './panels/heatmap';
import { Lines } from './panels/lines';
import { Map } from './panels/map';
import { Scatter } from './panels/scatter';
import { Stat } from './panels/stat';
import { Table } from './panels/table';
import { Text } from './panels/text';
import { Timeline } from './panels/timeline';

// The options of a field that are a kind's own, with what they are where a board says nothing.
const GRAPH = {
  drawStyle: 'line',
  lineInterpolation: 'linear',
  lineWidth: 1,
  fillOpacity: 0,
  gradientMode: 'none',
  showPoints: 'auto',
  pointSize: 5,
  spanNulls: false,
  insertNulls: false,
  stacking: { mode: 'none', group: 'A' },
  axisPlacement: 'auto',
  axisColorMode: 'text',
  scaleDistribution: { type: 'linear' },
  hideFrom: { tooltip: false, viz: false, legend: false },
  thresholdsStyle: { mode: 'off' },
  ...Object.fromEntries(
    ['axisLabel', 'axisSoftMin', 'axisSoftMax', 'axisBorderShow', 'axisWidth', 'axisCenteredZero', 'axisGridShow', 'barAlignment', 'lineStyle', 'fillBelowTo', 'transform', 'show'].map((id) => [id, undefined]),
  ),
};
const TABLE = { align: 'auto', cellOptions: { type: 'auto' }, inspect: false, filterable: undefined, width: undefined, minWidth: undefined, hidden: undefined, hideFrom: undefined };

const KINDS = {
  bargauge: [BarGauges, {}],
  geomap: [Map, GRAPH],
  heatmap: [Heatmap, GRAPH],
  stat: [Stat, {}],
  'state-timeline': [Timeline, GRAPH],
  'status-history': [Timeline, GRAPH],
  table: [Table, TABLE],
  text: [Text, {}],
  timeseries: [Lines, GRAPH],
  xychart: [Scatter, GRAPH],
};

export const plugins = Object.fromEntries(Object.entries(KINDS).map(([id, [component, own]]) => [id, plugin(id, component, own)]));

function plugin(id, component, own) {
  const made = new PanelPlugin(watched(id, component)).useFieldConfig({
    useCustomConfig: (builder) => Object.entries(own).forEach(([option, defaultValue]) => builder.addCustomEditor(editor(option, defaultValue))),
  });
  made.meta = { id, name: id, info: { version: '13', logos: {} }, skipDataQuery: id === 'text', hideFromList: false };
  return made;
}

const editor = (id, defaultValue) => ({
  id,
  path: id,
  name: id,
  editor: () => null,
  override: () => null,
  process: identityOverrideProcessor,
  shouldApply: () => true,
  defaultValue,
});

/** Tells what was drawn, and draws a panel that fails as an error box. */
function watched(id, Component) {
  return class extends React.Component {
    state = { error: null };

    static getDerivedStateFromError(error) {
      return { error };
    }

    componentDidCatch(error) {
      complain(`${this.props.title ?? this.props.id} (${id}): ${error.message}`);
    }

    render() {
      if (this.state.error) {
        return <div data-error>{String(this.state.error)}</div>;
      }
      drew(this.props, id);
      const is_empty = id !== 'text' && id !== 'stat' && !this.props.data.series.some((frame) => frame.length > 0);
      if (is_empty) {
        return <div data-empty style={{ display: 'flex', height: '100%', alignItems: 'center', justifyContent: 'center' }}>No data</div>;
      }
      return <Component {...this.props} />;
    }
  };
}
