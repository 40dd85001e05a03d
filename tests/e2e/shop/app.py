"""A small service with the stock set-up of OpenTelemetry for FastAPI and SQLAlchemy.

Run with a port. It stands alone: tests copy it into a git repository and commit mistakes.
"""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import store  # type: ignore[import-not-found]  # beside this file
import uvicorn
from fastapi import FastAPI
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
from opentelemetry.instrumentation.sqlalchemy import SQLAlchemyInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from prices import price_of  # type: ignore[import-not-found]


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    await store.fill()
    yield


app = FastAPI(lifespan=lifespan)


@app.get("/orders")
async def orders() -> list[dict[str, object]]:
    found = await store.orders()
    return [{"id": number, "customer": customer} for number, customer in found]


@app.get("/items/{number}")
async def item(number: int) -> dict[str, object]:
    name = await store.item(number)
    return {"name": name, "price": price_of(number)}


@app.get("/search")
async def search(name: str) -> list[str]:
    found: list[str] = await store.search(name)
    return found


@app.get("/health")
async def health() -> str:
    return "ok"


if __name__ == "__main__":
    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
    FastAPIInstrumentor.instrument_app(app)
    SQLAlchemyInstrumentor().instrument(engine=store.engine.sync_engine)
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="warning")
