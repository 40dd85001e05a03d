"""`uvicorn sample_app.main:app`: the only module that reads the environment at import."""

from __future__ import annotations

import gc

gc.disable()  # imports make little garbage: looking for it took a sixth of their time

from prometheus_client import disable_created_metrics

from sample_app import __version__
from sample_app.app import create_app
from sample_app.core.logs.json_lines import configure_logs
from sample_app.core.logs.redaction import redact
from sample_app.settings import Settings
from sample_app.telemetry.tracing import set_up_traces

settings = Settings()
if settings.regressions:  # only then is anything of them imported
    from sample_app.regressions.catalogue import plant

    settings = plant(settings)
configure_logs(settings.log.level)
set_up_traces("sample-app", __version__, settings.traces.ratio, redact)
disable_created_metrics()  # type: ignore[no-untyped-call]  # a `_created` gauge for each series would double the exposition
app = create_app(settings)

# Full collections walked all imported modules: a pause of 100 ms every five seconds at 100
# requests/s. Frozen objects, which live as long as the process, are never walked again.
gc.collect()
gc.freeze()
gc.enable()
