"""The classic dashboard model of Grafana's SDK: every version of Grafana can import it.

The SDK marks it as deprecated in favour of a schema that only Grafana 12 and later can read.
"""

from __future__ import annotations

import warnings

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    from grafana_foundation_sdk.builders import common, heatmap, prometheus, stat, table, timeseries
    from grafana_foundation_sdk.builders import dashboard as builders
    from grafana_foundation_sdk.cog.encoder import JSONEncoder
    from grafana_foundation_sdk.models import common as common_models
    from grafana_foundation_sdk.models import dashboard as models
    from grafana_foundation_sdk.models.heatmap import HeatmapColorMode
    from grafana_foundation_sdk.models.prometheus import PromQueryFormat

__all__ = [
    "HeatmapColorMode",
    "JSONEncoder",
    "PromQueryFormat",
    "builders",
    "common",
    "common_models",
    "heatmap",
    "models",
    "prometheus",
    "stat",
    "table",
    "timeseries",
]
