"""Dashboards in Grafana's classic format, for import and for provisioning."""

from __future__ import annotations

import json

from harness import names
from harness.promql.expression import text
from harness.render.grafana.charts import DATASOURCE, chart
from harness.render.grafana.panels import Dashboard, GrafanaRow, Variable
from harness.render.grafana.sdk import JSONEncoder, builders, common_models, models
from harness.render.words import Links, slug

_WIDTH = 24  # columns of Grafana's grid
TAG = "harness"


def dashboard_json(dashboard: Dashboard, links: Links, about: str) -> str:
    """A dashboard as Grafana's file.

    Args:
        dashboard: The dashboard.
        links: The names of the service.
        about: A sentence about the origin of the file, appended to the description.
    """
    made = builders.Dashboard(dashboard.title).uid(links.uid(dashboard.name))
    made.description(f"{dashboard.description} {about}").tags([TAG, slug(links.service)])
    made.timezone("browser").time("now-1h", "now").refresh("30s").readonly()
    made.tooltip(models.DashboardCursorSync.CROSSHAIR)
    made.with_variable(
        builders.DatasourceVariable("datasource").label("Prometheus").type("prometheus")
    )
    if dashboard.traces:
        made.with_variable(builders.DatasourceVariable("tempo").label("Traces").type("tempo"))
    for variable in dashboard.variables:
        made.with_variable(_variable(variable))
    made.link(_others(links))
    for annotation in _runs(links):
        made.annotation(annotation)
    document = json.loads(json.dumps(made.build(), cls=JSONEncoder))
    document["panels"] = json.loads(json.dumps(_laid_out(dashboard), cls=JSONEncoder))
    _show(document)
    return json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def _show(document: object) -> None:
    """Show links and annotations at the top, which the SDK hides in a menu."""
    if isinstance(document, dict):
        if document.get("placement") == "inControlsMenu":
            del document["placement"]
        document = list(document.values())
    if isinstance(document, list):
        for part in document:
            _show(part)


def _variable(variable: Variable) -> builders.QueryVariable:
    made = builders.QueryVariable(variable.name).label(variable.label).datasource(DATASOURCE)
    made.query(variable.query).definition(variable.query)
    made.refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED)
    made.sort(models.VariableSort.ALPHABETICAL_ASC)
    if variable.default is None:
        everything = models.VariableOption(selected=True, text=["All"], value=["$__all"])
        return made.multi(True).include_all(True).all_value(".*").current(everything)
    chosen = models.VariableOption(selected=True, text=variable.default, value=variable.default)
    return made.current(chosen)


def _others(links: Links) -> builders.DashboardLink:
    """A link to each of the service's other dashboards, at the same time range."""
    made = builders.DashboardLink(links.service).type(models.DashboardLinkType.DASHBOARDS)
    made.tags([TAG, slug(links.service)]).keep_time(True).include_vars(True)
    return made.as_dropdown(False)


def _runs(links: Links) -> tuple[builders.AnnotationQuery, builders.AnnotationQuery]:
    """Runs as annotations: from the scraped metrics, and those that the harness adds to Grafana."""
    of_service = f"{names.RUN_INFO}{{{names.RUN_SERVICE}={text(links.service)}}}"
    scraped = builders.AnnotationQuery().name("Load tests").datasource(DATASOURCE)
    scraped.enable(True).icon_color("blue").expr(of_service).step("15s")
    scraped.title_format(f"{{{{{names.RUN_FOLDER}}}}}").tag_keys(names.RUN_SCENARIO)
    scraped.text_format(f"scenario {{{{{names.RUN_SCENARIO}}}}}")
    own = common_models.DataSourceRef(type_val="grafana", uid="-- Grafana --")
    target = builders.AnnotationTarget().type("tags").match_any(False).limit(100)
    target.tags([TAG, links.service])  # as a run is tagged
    annotated = builders.AnnotationQuery().name("Load tests, annotated").datasource(own)
    annotated.enable(True).icon_color("purple").target(target)  # type: ignore[arg-type]  # as the SDK's own examples
    return scraped, annotated


def _laid_out(dashboard: Dashboard) -> list[models.Panel | models.RowPanel]:
    """Panels from left to right in their order, each row under its title."""
    panels: list[models.Panel | models.RowPanel] = []
    y = 0
    for row in dashboard.rows:
        panels.append(_title(row, y, len(panels) + 1))
        y += 1
        x = tallest = 0
        for panel in row.panels:
            if x + panel.width > _WIDTH:
                x, y, tallest = 0, y + tallest, 0
            place = models.GridPos(h=panel.height, w=panel.width, x=x, y=y)
            panels.append(chart(panel, place, len(panels) + 1))
            x, tallest = x + panel.width, max(tallest, panel.height)
        y += tallest
    return panels


def _title(row: GrafanaRow, y: int, number: int) -> models.RowPanel:
    place = models.GridPos(h=1, w=_WIDTH, x=0, y=y)
    return models.RowPanel(title=row.title, grid_pos=place, id_val=number, panels=[])
