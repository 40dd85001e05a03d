"""A service with the usual set-up of OpenTelemetry for FastAPI, and three mistakes in it.

Run with a port. `UNTRACED=1` leaves OpenTelemetry out. `CALLERS=FILE` writes the sampled flag of
each caller's traceparent, "00" or "01", on a line of a file.
"""

import os
import sys
import time
from pathlib import Path

import uvicorn
from fastapi import FastAPI, Header

app = FastAPI()
CALLERS = os.environ.get("CALLERS")


def price_of(item: int) -> int:
    time.sleep(0.15)  # the mistake of /slow: most of an answer on a busy machine, too
    enough = time.process_time() + 0.02  # two samples of a profile of what runs
    while time.process_time() < enough:
        pass
    return item * 2


def note_caller(traceparent: str) -> None:
    if CALLERS:
        with Path(CALLERS).open("a", encoding="ascii") as file:
            file.write(traceparent.rpartition("-")[2] + "\n")


@app.get("/slow/{item}")
async def slow(item: int, traceparent: str = Header("")) -> int:
    note_caller(traceparent)
    return price_of(item)


@app.get("/broken")
async def broken(traceparent: str = Header("")) -> str:
    note_caller(traceparent)
    prices: dict[str, int] = {}
    return str(prices["missing"])  # the mistake of /broken


@app.get("/health")
async def health() -> str:
    return "ok"


def trace() -> None:
    from opentelemetry import trace
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
    FastAPIInstrumentor.instrument_app(app)


if __name__ == "__main__":
    if not os.environ.get("UNTRACED"):
        trace()
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="warning")
