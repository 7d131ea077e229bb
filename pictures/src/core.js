// What Grafana's packages expect of Grafana's core, which is not to be had as a package.
import * as data from '@grafana/data';
import * as runtime from '@grafana/runtime';
import { initPluginTranslations } from '@grafana/i18n';
import { sceneGraph } from '@grafana/scenes';
import { of } from 'rxjs';
import { catchError, map } from 'rxjs/operators';
import { complain } from './complaints';
import { plugins } from './plugins';
import { SETTINGS, prometheus } from './prometheus';

export const theme = data.createTheme({ colors: { mode: 'dark' } });

// The options of a field that every kind of panel has: id, and what reads an override.
const OPTIONS = {
  unit: data.unitOverrideProcessor,
  min: data.numberOverrideProcessor,
  max: data.numberOverrideProcessor,
  fieldMinMax: data.booleanOverrideProcessor,
  decimals: data.numberOverrideProcessor,
  displayName: data.displayNameOverrideProcessor,
  color: data.identityOverrideProcessor,
  noValue: data.identityOverrideProcessor,
  links: data.dataLinksOverrideProcessor,
  mappings: data.valueMappingsOverrideProcessor,
  thresholds: data.thresholdsOverrideProcessor,
  filterable: data.identityOverrideProcessor,
  actions: data.identityOverrideProcessor,
};

export async function provide(scene) {
  Object.assign(runtime.config, { theme2: theme, theme: theme.v1, timezone: 'utc' });
  registries();
  data.locationUtil.initialize({
    config: { appSubUrl: '' },
    getVariablesUrlParams: () => ({}),
    getTimeRangeForUrl: () => ({ from: 'now-1h', to: 'now' }),
  });
  runtime.setPluginImportUtils({
    importPanelPlugin: async (id) => plugins[id],
    getPanelPluginFromCache: (id) => plugins[id],
  });
  runtime.setDataSourceSrv({
    get: async () => prometheus,
    getList: () => [SETTINGS],
    getInstanceSettings: () => SETTINGS,
    reload() {},
    registerRuntimeDataSource() {},
  });
  runtime.setRunRequest(run);
  runtime.setTemplateSrv({
    replace(text, scoped, format) {
      const context = scoped?.__sceneObject?.value?.valueOf?.() ?? scene;
      return sceneGraph.interpolate(context, text, scoped, format);
    },
    getVariables: () => [],
    containsTemplate: () => false,
    updateTimeRange() {},
  });
  runtime.setEchoSrv({ addEvent() {}, addBackend() {}, flush() {} });
  runtime.setAppEvents(new data.EventBusSrv());
  runtime.setBackendSrv({ get: async () => ({}), post: async () => ({}), fetch: () => of({ data: {} }) });
  runtime.setPluginLinksHook(() => ({ links: [], isLoading: false }));
  runtime.setPluginComponentsHook(() => ({ components: [], isLoading: false }));
  runtime.setReturnToPreviousHook(() => () => {});
  runtime.setChromeHeaderHeightHook(() => 0);
  await initPluginTranslations('turbulence-pictures');
}

function registries() {
  const transformers = new Map(Object.values(data.standardTransformers).map((one) => [one.id, one]));
  data.standardTransformersRegistry.setInit(() =>
    [...transformers.values()].map((one) => ({ id: one.id, name: one.name, transformation: async () => one, editor: () => null })),
  );
  data.standardFieldConfigEditorRegistry.setInit(() =>
    Object.entries(OPTIONS).map(([id, process]) => ({
      id,
      path: id,
      name: id,
      description: '',
      editor: () => null,
      override: () => null,
      process,
      shouldApply: () => true,
      settings: {},
    })),
  );
  data.standardEditorsRegistry.setInit(() => []);
}

/** Asks a data source what a panel or a variable asks for. */
function run(source, request) {
  const answer = (state, series, errors) => ({ state, series, errors, error: errors?.[0], annotations: [], timeRange: request.range, request });
  return source.query(request).pipe(
    map(({ data: frames }) => answer(data.LoadingState.Done, frames.map((frame) => data.toDataFrame(frame)))),
    catchError((error) => {
      complain(`query: ${error.message}`);
      return of(answer(data.LoadingState.Error, [], [{ message: error.message }]));
    }),
  );
}
