// What a rendered dashboard may hold: the types of the schema package that Grafana publishes, for
// JSON, in which an enum is its text. The options and field settings of each panel are those of its
// type; `tests/integration/services/test_schema.py` checks dashboards against them.
import type { Dashboard as Schema, Panel as SchemaPanel, RowPanel } from "@grafana/schema";
import type { Options as Heatmap } from "@grafana/schema/dist/esm/raw/composable/heatmap/panelcfg/x/HeatmapPanelCfg_types.gen";
import type { Options as Stat } from "@grafana/schema/dist/esm/raw/composable/stat/panelcfg/x/StatPanelCfg_types.gen";
import type {
  FieldConfig as TableField,
  Options as Table,
} from "@grafana/schema/dist/esm/raw/composable/table/panelcfg/x/TablePanelCfg_types.gen";
import type {
  FieldConfig as TimeSeriesField,
  Options as TimeSeries,
} from "@grafana/schema/dist/esm/raw/composable/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen";

type Json<T> = 0 extends 1 & T
  ? T // any
  : T extends string
    ? `${T}`
    : T extends number | boolean | null | undefined
      ? T
      : T extends readonly (infer Item)[]
        ? Json<Item>[]
        : T extends object
          ? { [Key in keyof T]: Json<T[Key]> }
          : T;

// Grafana's panels fill in the settings that a dashboard leaves out.
type PanelOf<Type extends string, Options, Field> = Json<
  Omit<SchemaPanel<Partial<Options>, Partial<Field>>, "type" | "options" | "targets">
> & { type: Type; options?: Json<Partial<Options>>; targets?: PrometheusQuery[] };

// Keys that Grafana 13 ignores, from earlier schemas by which grafana-foundation-sdk writes.
type WithFooter = Table & { footer?: unknown };
type Variable = Json<NonNullable<NonNullable<Schema["templating"]>["list"]>[number]> & {
  auto?: boolean;
  auto_count?: number;
  auto_min?: string;
  definition?: string; // of a query; Grafana writes it as well
};

type Panel =
  | PanelOf<"heatmap", Heatmap, Record<string, unknown>>
  | PanelOf<"stat", Stat, Record<string, unknown>>
  | PanelOf<"table", WithFooter, TableField>
  | PanelOf<"timeseries", TimeSeries, TimeSeriesField>;

interface PrometheusQuery {
  datasource?: { type: string; uid: string };
  expr: string;
  exemplar?: boolean;
  format?: "time_series" | "table" | "heatmap";
  hide?: boolean;
  instant?: boolean;
  interval?: string;
  legendFormat?: string;
  range?: boolean;
  refId: string;
}

export type Dashboard = Omit<Json<Schema>, "annotations" | "panels" | "templating"> & {
  annotations?: { list: Record<string, unknown>[] }; // each data source has keys of its own
  templating?: { list?: Variable[] };
  panels: (Panel | (Omit<Json<RowPanel>, "panels"> & { panels: Panel[] }))[];
};
