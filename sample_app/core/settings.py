"""Every setting of the service, from `SAMPLE_APP_<GROUP>_<NAME>` in the environment or `.env`.

`.env.example` beside the package lists each variable with its default.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

Positive = Annotated[int, Field(gt=0)]
Seconds = Annotated[float, Field(gt=0)]


class _Group(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class DatabaseSettings(_Group):
    """Where the data is, and the pool in front of it; times are seconds."""

    url: str = "sqlite+aiosqlite:///./sample.db"
    pool_size: Positive = 10
    max_overflow: Annotated[int, Field(ge=0)] = 20
    pool_timeout: Seconds = 30.0
    pool_recycle: Seconds = 3600.0
    pool_pre_ping: bool = True
    busy_timeout: Seconds = 5.0  # SQLite: how long a write waits for another one
    slow_query: Seconds = 1.0  # longer statements are logged


class CacheSettings(_Group):
    """The in-process cache of contact details."""

    ttl: Seconds = 300.0
    max_size: Positive = 2000


class SeedSettings(_Group):
    """The data set that is restored at start-up: contacts 1..rows. 0 leaves the database alone."""

    rows: Annotated[int, Field(ge=0)] = 10_000
    companies: Positive = 200
    random: int = 1  # same number, same data


class WelcomeSettings(_Group):
    """The message that a new contact gets in the background."""

    delay: Annotated[float, Field(ge=0)] = 0.03  # the mail gateway's answer time, seconds


class TracesSettings(_Group):
    """OpenTelemetry traces."""

    ratio: Annotated[float, Field(ge=0, le=1)] = 0.05  # share of traces that are recorded


class LogSettings(_Group):
    """JSON lines on standard error."""

    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    requests: bool = True  # one line for each request


class Settings(BaseSettings):
    """The whole configuration; frozen, read once at start-up."""

    model_config = SettingsConfigDict(
        env_prefix="SAMPLE_APP_",
        env_nested_delimiter="_",
        env_nested_max_split=1,  # DATABASE_POOL_SIZE is database.pool_size
        env_file=".env",
        extra="ignore",
        frozen=True,
    )

    environment: Literal["development", "staging", "production"] = "development"
    commit: str = "unknown"
    database: DatabaseSettings = DatabaseSettings()
    cache: CacheSettings = CacheSettings()
    seed: SeedSettings = SeedSettings()
    welcome: WelcomeSettings = WelcomeSettings()
    traces: TracesSettings = TracesSettings()
    log: LogSettings = LogSettings()

    @model_validator(mode="after")
    def _seed_never_in_production(self) -> Self:
        if self.environment == "production" and self.seed.rows:
            message = (
                "seeding deletes every other contact: set SAMPLE_APP_SEED_ROWS=0 in production"
            )
            raise ValueError(message)
        return self
