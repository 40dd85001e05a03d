"""A small FastAPI service of items with metrics, as somebody else would write it.

Environment: DELAY (seconds that the list takes longer).
"""

import os
import time
from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import FastAPI, HTTPException, Request, Response
from prometheus_client import Histogram, generate_latest
from pydantic import BaseModel, Field

DELAY = float(os.environ.get("DELAY", "0"))
DURATION = Histogram(
    "http_server_request_duration_seconds",
    "Answers.",
    ["http_request_method", "http_route", "http_response_status_code"],
    buckets=[0.005, 0.01, 0.05, 0.1, 0.25, 0.5, 1],
)
app = FastAPI()
items: dict[int, dict[str, Any]] = {n: {"id": n, "name": f"item {n}"} for n in range(1, 21)}


class NewItem(BaseModel):
    """The body of a creation."""

    name: str = Field(max_length=40)
    price: float = Field(gt=0, default=1)


@app.middleware("http")
async def measure(request: Request, call: Callable[[Request], Awaitable[Response]]) -> Response:
    begin = time.perf_counter()
    response = await call(request)
    route = getattr(request.scope.get("route"), "path", "")
    labels = request.method, route, str(response.status_code)
    DURATION.labels(*labels).observe(time.perf_counter() - begin)
    return response


@app.get("/metrics", include_in_schema=False)
def metrics() -> Response:
    return Response(generate_latest(), media_type="text/plain")


@app.get("/health")
async def health() -> dict[str, str]:
    return {"status": "ok"}


@app.get("/items")
def list_items(limit: int = 10) -> dict[str, Any]:
    time.sleep(DELAY)
    return {"items": list(items.values())[:limit], "total": len(items)}


@app.get("/items/{item_id}")
async def get_item(item_id: int) -> dict[str, Any]:
    if item_id not in items:
        raise HTTPException(404)
    return items[item_id]


@app.post("/items", status_code=201)
async def create_item(item: NewItem) -> dict[str, Any]:
    number = max(items) + 1
    items[number] = {"id": number, **item.model_dump()}
    return items[number]


@app.delete("/items/{item_id}", status_code=204)
async def delete_item(item_id: int) -> None:
    if items.pop(item_id, None) is None:
        raise HTTPException(404)
