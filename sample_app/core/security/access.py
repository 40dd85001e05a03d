"""What the edge and the services share to decide who may enter."""

from __future__ import annotations

from typing import Final

from sample_app.core.security.counters import Counters, redis_pool, redis_storage
from sample_app.core.security.lockout import Lockout
from sample_app.core.security.standings import Standings
from sample_app.core.security.tokens import Tokens
from sample_app.settings import Settings

MARGIN: Final = 60.0  # seconds that clocks of replicas may differ and a transaction may take


class Access:
    """One application's tokens, standings, counters and lock-out.

    Attributes:
        redis: Connections to Redis for small, quick commands; None without a Redis.
    """

    def __init__(self, settings: Settings) -> None:
        redis = settings.redis
        self.redis = redis_pool(redis) if redis.url else None
        self.counters = Counters(redis_storage(redis, self.redis) if self.redis else None)
        self.tokens = Tokens(settings.auth)
        self.standings = Standings(settings.auth.token_life + MARGIN)
        self.lockout = Lockout(settings.lockout, self.counters)

    async def close(self) -> None:
        """Close the connections."""
        if self.redis:
            await self.redis.aclose()
