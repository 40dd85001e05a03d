"""Starlette with starlette_exporter."""

import asyncio
import os

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette_exporter import PrometheusMiddleware, handle_metrics

from tests.services.faults import ITEMS, fail_sometimes, pause_time


async def list_items(request: Request) -> Response:
    """All items."""
    await asyncio.sleep(pause_time())
    return JSONResponse(ITEMS)


async def read_item(request: Request) -> Response:
    """One item."""
    fail_sometimes()
    found = [item for item in ITEMS if item["id"] == request.path_params["item_id"]]
    if not found:
        raise HTTPException(404)
    return JSONResponse(found[0])


app = Starlette(
    routes=[
        Route("/items", list_items),
        Route("/items/{item_id:int}", read_item),
        Route("/metrics", handle_metrics),
    ]
)
app.add_middleware(PrometheusMiddleware, group_paths=True, skip_paths=["/metrics"])

if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(os.environ["PORT"]), access_log=False)
