"""Litestar with its Prometheus plugin."""

import asyncio
import os
from dataclasses import dataclass

import uvicorn
from litestar import Litestar, get, post
from litestar.exceptions import NotFoundException
from litestar.plugins.prometheus import PrometheusConfig, PrometheusController

from tests.services.faults import ITEMS, fail_sometimes, pause_time


@dataclass
class NewItem:
    """What a client sends."""

    name: str


@dataclass
class Item:
    """An item of the list."""

    id: int
    name: str


@get("/items")
async def list_items() -> list[Item]:
    """All items."""
    await asyncio.sleep(pause_time())
    return [Item(**item) for item in ITEMS]


@get("/items/{item_id:int}")
async def read_item(item_id: int) -> Item:
    """One item."""
    fail_sometimes()
    found = [item for item in ITEMS if item["id"] == item_id]
    if not found:
        raise NotFoundException("no such item")
    return Item(**found[0])


@post("/items")
async def create_item(data: NewItem) -> Item:
    """A new item, which is not kept."""
    return Item(id=1, name=data.name)


app = Litestar(
    [PrometheusController, list_items, read_item, create_item],
    middleware=[PrometheusConfig(group_path=True).middleware],
)

if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(os.environ["PORT"]), access_log=False)
