"""A FastAPI service whose handlers are plain functions, which the server runs in threads."""

from __future__ import annotations

import math
import random
import time

from fastapi import FastAPI

app = FastAPI()
_SPREAD = 0.5  # standard deviation of the logarithm of a time


@app.get("/a")
def read() -> dict[str, int]:
    """Wait as for a database, then compute a little."""
    time.sleep(0.005 * math.exp(random.gauss(0, _SPREAD)))
    return {"value": sum(range(5000))}
