"""Panels in Grafana's format."""

from __future__ import annotations

import json
from collections.abc import Sequence
from string import ascii_uppercase
from typing import assert_never

from harness.budgets.model import Budget
from harness.promql.expression import number
from harness.render.grafana.panels import GrafanaPanel, Query, full_description
from harness.render.grafana.sdk import (
    HeatmapColorMode,
    PromQueryFormat,
    builders,
    common,
    common_models,
    heatmap,
    models,
    prometheus,
    stat,
    table,
    timeseries,
)

DATASOURCE = common_models.DataSourceRef(type_val="prometheus", uid="${datasource}")
_Chart = timeseries.Panel | stat.Panel | heatmap.Panel | table.Panel
_VERDICTS = {"pass": "green", "warn": "orange", "fail": "red", "inconclusive": "purple"}


def chart(panel: GrafanaPanel, place: models.GridPos, identity: int) -> models.Panel:
    """A panel in Grafana's format.

    Args:
        panel: The panel.
        place: Its position.
        identity: Its id, unique in the dashboard.
    """
    match panel.kind:
        case "timeseries":
            made: _Chart = _timeseries(panel)
        case "stat":
            made = _stat(panel)
        case "verdict":
            made = _verdict()
        case "heatmap":
            made = _heatmap()
        case "table":
            made = _table(panel)
        case _:
            assert_never(panel.kind)
    made.title(panel.title).description(full_description(panel)).datasource(DATASOURCE)
    made.grid_pos(place).id(identity).no_value("no data")
    if panel.kind != "table":
        made.unit(panel.unit)
    for letter, query in zip(ascii_uppercase, panel.queries, strict=False):
        made.with_target(_target(query, letter, panel))
    return made.build()


def _target(query: Query, letter: str, panel: GrafanaPanel) -> prometheus.Dataquery:
    target = prometheus.Dataquery().datasource(DATASOURCE).expr(query.expr)
    target.ref_id(query.legend if panel.kind == "table" else letter)
    if panel.kind == "table":
        return target.instant().format(PromQueryFormat.TABLE)
    if panel.kind == "heatmap":
        target.format(PromQueryFormat.HEATMAP)
    target.legend_format(query.legend or "__auto")
    if query.exemplars:
        target.exemplar(True)
    return target.instant() if panel.kind == "verdict" else target.range()


def _thresholds(budgets: Sequence[Budget]) -> builders.ThresholdsConfig:
    """Green where all bounds hold, red where one is breached; orange for warnings and waivers."""
    most = [budget for budget in budgets if budget.direction == "max"]
    least = [budget for budget in budgets if budget.direction == "min"]
    steps = {at.bound: _color([one for one in most if one.bound <= at.bound]) for at in most}
    for budget in budgets:
        if budget.alert and budget.direction == "max":
            steps[budget.alert.bound] = "dark-red"
    steps |= {at.bound: _color([one for one in least if one.bound > at.bound]) for at in least}
    every = [models.Threshold(value=None, color=_color(least))]
    every += [models.Threshold(value=bound, color=steps[bound]) for bound in sorted(steps)]
    return builders.ThresholdsConfig().mode(models.ThresholdsMode.ABSOLUTE).steps(every)


def _color(breached: Sequence[Budget]) -> str:
    if not breached:
        return "green"
    failing = any(one.severity == "error" and one.waiver is None for one in breached)
    return "red" if failing else "orange"


def _timeseries(panel: GrafanaPanel) -> timeseries.Panel:
    legend = common.VizLegendOptions().display_mode(common_models.LegendDisplayMode.TABLE)
    legend.placement(common_models.LegendPlacement.BOTTOM).show_legend(True)
    legend.calcs(["lastNotNull", "mean", "max"])
    tooltip = common.VizTooltipOptions().mode(common_models.TooltipDisplayMode.MULTI)
    tooltip.sort(common_models.SortOrder.DESCENDING)
    made = timeseries.Panel().legend(legend).tooltip(tooltip)
    made.line_width(1).fill_opacity(10 if not panel.stacked else 40).axis_soft_min(0)
    made.show_points(common_models.VisibilityMode.AUTO).span_nulls(False)
    if panel.stacked:
        made.stacking(common.StackingConfig().mode(common_models.StackingMode.NORMAL))
    if panel.budgets:
        style = common.GraphThresholdsStyleConfig()
        made.thresholds(_thresholds(panel.budgets))
        made.thresholds_style(style.mode(common_models.GraphThresholdsStyleMode.DASHED))
        highest = max(budget.bound for budget in panel.budgets)
        made.axis_soft_max(float(number(highest * 1.1)))
    if panel.traced:
        made.data_links([_traces(panel.budgets)])
    return made


def _traces(budgets: Sequence[Budget]) -> builders.DashboardLink:
    slow = min((budget.bound for budget in budgets), default=0.1)
    route = '"${__field.labels.http_route}"'
    query = f"{{ span.http.route = {route} && duration > {slow * 1000:.0f}ms && kind = server }}"
    panes = {
        "traces": {
            "datasource": "${tempo}",
            "queries": [{"refId": "A", "queryType": "traceql", "query": query, "limit": 20}],
            "range": {"from": "${__from}", "to": "${__to}"},
        }
    }
    url = f"/explore?schemaVersion=1&panes={json.dumps(panes)}&orgId=1"
    return builders.DashboardLink("Slow traces of this route").url(url).target_blank(True)


def _stat(panel: GrafanaPanel) -> stat.Panel:
    made = stat.Panel().thresholds(_thresholds(panel.budgets))
    made.reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
    made.color_mode(common_models.BigValueColorMode.VALUE)
    return made.graph_mode(common_models.BigValueGraphMode.AREA)


def _verdict() -> stat.Panel:
    """The name of the outcome in its colour; the outcome is the name of the series."""
    made = stat.Panel().reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
    made.text_mode(common_models.BigValueTextMode.NAME)
    made.color_mode(common_models.BigValueColorMode.BACKGROUND)
    made.graph_mode(common_models.BigValueGraphMode.NONE)
    for outcome, color in _VERDICTS.items():
        fixed = {"mode": "fixed", "fixedColor": color}
        made.override_by_name(outcome, [models.DynamicConfigValue("color", fixed)])
    return made


def _heatmap() -> heatmap.Panel:
    color = heatmap.HeatmapColorOptions().mode(HeatmapColorMode.SCHEME).scheme("Oranges").steps(64)
    made = heatmap.Panel().calculate(False).color(color)
    made.y_axis(heatmap.YAxisConfig().unit("s"))
    return made.cell_gap(1).exemplars_color("rgba(255,0,255,0.7)")


def _table(panel: GrafanaPanel) -> table.Panel:
    made = table.Panel()
    # The name of a query's column is "Value #" and the query's id, which is the legend here.
    renamed = {f"Value #{query.legend}": query.legend for query in panel.queries}
    hidden = {"Time": True} | {f"Value #{column}": True for column in panel.hidden}
    made.with_transformation(models.DataTransformerConfig("merge", options={}))
    options = {"excludeByName": hidden, "renameByName": renamed}
    made.with_transformation(models.DataTransformerConfig("organize", options=options))
    for column, unit in panel.unit_of:
        made.override_by_name(column, [models.DynamicConfigValue("unit", unit)])
    if panel.link:
        column, title, address = panel.link
        links = [{"title": title, "url": address}]
        made.override_by_name(column, [models.DynamicConfigValue("links", links)])
    return made
