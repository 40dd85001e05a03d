"""FastAPI with prometheus-fastapi-instrumentator."""

import asyncio
import os

import uvicorn
from fastapi import FastAPI, HTTPException
from prometheus_fastapi_instrumentator import Instrumentator
from pydantic import BaseModel

from tests.services.faults import ITEMS, fail_sometimes, pause_time


class NewItem(BaseModel):
    """What a client sends."""

    name: str


class Item(NewItem):
    """An item of the list."""

    id: int


app = FastAPI(title="items")


@app.get("/items")
async def list_items() -> list[Item]:
    """All items."""
    await asyncio.sleep(pause_time())
    return [Item.model_validate(item) for item in ITEMS]


@app.get("/items/{item_id}")
async def read_item(item_id: int) -> Item:
    """One item."""
    fail_sometimes()
    found = [item for item in ITEMS if item["id"] == item_id]
    if not found:
        raise HTTPException(404, "no such item")
    return Item.model_validate(found[0])


@app.post("/items", status_code=201)
async def create_item(item: NewItem) -> Item:
    """A new item, which is not kept."""
    return Item(id=1, name=item.name)


Instrumentator().instrument(app).expose(app)

if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(os.environ["PORT"]), access_log=False)
