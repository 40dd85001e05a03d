"""Start-up work that could be done later."""

from __future__ import annotations

import asyncio

from sqlalchemy.ext.asyncio import AsyncEngine

from sample_app import app
from sample_app.regressions.planting import Replace
from sample_app.repositories import seeding
from sample_app.settings import SeedSettings, Settings

COMPANIES, ANSWER_TIME = 200, 0.12  # 24 seconds


def plant(settings: Settings, replace: Replace) -> Settings:
    """The start gets the profile of each company from the directory, to warm a cache.

    A deployment and the recovery from a crash take longer by that time.

    Noticed by `start-time`.
    """

    async def seed(engine: AsyncEngine, settings: SeedSettings) -> int:
        for _ in range(COMPANIES):
            await asyncio.sleep(ANSWER_TIME)
        return await seeding.seed(engine, settings)

    replace(app, "seed", seed)
    return settings
