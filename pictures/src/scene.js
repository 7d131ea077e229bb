// A dashboard of the classic schema as a scene.
import * as scenes from '@grafana/scenes';
import { SETTINGS } from './prometheus';

/** Every row is open: what is folded at first is looked at as well. */
export function scene(board, asked) {
  const panels = board.panels.flatMap((panel) => (panel.type === 'row' ? unfolded(panel) : [panel]));
  return new scenes.EmbeddedScene({
    $timeRange: new scenes.SceneTimeRange({ from: asked.get('from'), to: asked.get('to'), timeZone: 'utc' }),
    $variables: new scenes.SceneVariableSet({ variables: board.templating.list.map((one) => variable(one, asked)) }),
    controls: [new scenes.VariableValueSelectors({}), new scenes.SceneControlsSpacer(), new scenes.SceneTimePicker({})],
    body: new scenes.SceneGridLayout({ children: placed(panels).map(item) }),
  });
}

const unfolded = (row) => [row, ...(row.panels ?? [])];

/** Pushes down what stands below a row that was folded. */
function placed(panels) {
  let shift = 0;
  let rowAt = 0;
  return panels.map((panel) => {
    const { y, h } = panel.gridPos;
    if (panel.type === 'row') {
      rowAt = y + shift;
      if (panel.collapsed && panel.panels.length) {
        const top = Math.min(...panel.panels.map((one) => one.gridPos.y));
        const bottom = Math.max(...panel.panels.map((one) => one.gridPos.y + one.gridPos.h));
        panel.panels.forEach((one) => { one.gridPos.y += rowAt + 1 - top; one.isPlaced = true; });
        shift += bottom - top;
      }
      return { ...panel, gridPos: { ...panel.gridPos, y: rowAt, h } };
    }
    return panel.isPlaced ? panel : { ...panel, gridPos: { ...panel.gridPos, y: y + shift } };
  });
}

function item(panel) {
  const { x, y, w, h } = panel.gridPos;
  if (panel.type === 'row') {
    return new scenes.SceneGridRow({ title: panel.title, x: 0, y, isCollapsed: false, children: [] });
  }
  return new scenes.SceneGridItem({ x, y, width: w, height: h, body: viz(panel) });
}

function viz(panel) {
  const queries = panel.targets?.length && new scenes.SceneQueryRunner({
    datasource: { uid: SETTINGS.uid, type: SETTINGS.type },
    queries: panel.targets.map((target) => ({ ...target, datasource: undefined, interval: panel.interval })),
    maxDataPoints: panel.maxDataPoints,
  });
  const data = queries && panel.transformations?.length
    ? new scenes.SceneDataTransformer({ $data: queries, transformations: panel.transformations })
    : queries || undefined;
  return new scenes.VizPanel({
    key: `panel-${panel.id}`,
    title: panel.title,
    description: panel.description,
    pluginId: panel.type,
    options: panel.options ?? {},
    fieldConfig: panel.fieldConfig ?? { defaults: {}, overrides: [] },
    $data: data,
  });
}

function variable(one, asked) {
  const { name, label, hide, regex, sort, refresh, allValue, multi, includeAll } = one;
  const base = { name, label, hide };
  const chosen = asked.get(`var-${name}`);
  switch (one.type) {
    case 'datasource':
      return new scenes.DataSourceVariable({ ...base, pluginId: one.query, value: SETTINGS.uid, text: SETTINGS.name });
    case 'query':
      return new scenes.QueryVariable({
        ...base,
        datasource: { uid: SETTINGS.uid, type: SETTINGS.type },
        query: one.query,
        regex,
        sort,
        refresh,
        isMulti: multi,
        includeAll,
        allValue: allValue || undefined,
        ...selected(chosen, includeAll, multi),
      });
    default:
      throw new Error(`no variable of the type ${one.type} is known here: ${name}`);
  }
}

function selected(chosen, includeAll, multi) {
  if (chosen) {
    return multi ? { value: [chosen], text: [chosen] } : { value: chosen, text: chosen };
  }
  return includeAll ? { value: ['$__all'], text: ['All'] } : {};
}
