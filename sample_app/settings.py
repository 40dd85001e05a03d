"""Every setting of the service, from `SAMPLE_APP_<GROUP>_<NAME>` in the environment or `.env`.

`.env.example` beside the package lists each variable with its default.
"""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network
from typing import Annotated, Literal, Self

from limits import parse as parse_rate
from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    IPvAnyNetwork,
    SecretStr,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, SettingsConfigDict

Positive = Annotated[int, Field(gt=0)]
Seconds = Annotated[float, Field(gt=0)]
DEVELOPMENT_SECRET = "known-to-everybody-so-never-in-production"  # noqa: S105 - says so itself
SAMPLE_PASSWORD = "sample-password"  # noqa: S105 - of the sample users, in the documentation


def _rate(text: str) -> str:
    """A rate such as `100/minute`, as the library `limits` reads it."""
    parse_rate(text)
    return text


Rate = Annotated[str, AfterValidator(_rate)]


def _some(network: IPv4Network | IPv6Network) -> IPv4Network | IPv6Network:
    """A network that does not hold all addresses: every client could then name its own."""
    if network.prefixlen == 0:
        message = "name the proxies: this network holds every address"
        raise ValueError(message)
    return network


Network = Annotated[IPvAnyNetwork, AfterValidator(_some)]
Origin = Annotated[str, Field(pattern=r"^https?://[a-z0-9.-]+(:[0-9]{1,5})?$")]  # exact: no `*`


class _Group(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class DatabaseSettings(_Group):
    """Where the data is, and the pool in front of it; times are seconds."""

    url: str = "sqlite+aiosqlite:///./sample.db"
    read_url: str = ""  # a read replica of the same database; empty: none
    pool_size: Positive = 10
    max_overflow: Annotated[int, Field(ge=0)] = 20
    pool_timeout: Seconds = 30.0
    pool_recycle: Seconds = 3600.0
    pool_pre_ping: bool = True
    busy_timeout: Seconds = 5.0  # SQLite: how long a write waits for another one
    connect_timeout: Seconds = 5.0  # PostgreSQL: for a new connection
    statement_timeout: Seconds = 30.0  # PostgreSQL: longer statements are cancelled
    migrate: bool = True  # bring PostgreSQL's schema up at the start; never in production
    slow_query: Seconds = 1.0  # longer statements are logged


class CacheSettings(_Group):
    """Named caches: seconds an entry is good for, and how many entries a level holds.

    `levels`: auto is memory alone, or both when there is a Redis.
    """

    levels: Literal["auto", "memory", "redis", "both"] = "auto"
    ttl: Seconds = 300.0  # contact details
    max_size: Positive = 2000
    company_ttl: Seconds = 30.0  # pages of companies: the largest age of their numbers of contacts
    company_max_size: Positive = 200
    profile_ttl: Seconds = 3600.0  # profiles of the company directory
    profile_max_size: Positive = 1000


class RedisSettings(_Group):
    """The second level of the caches; without a URL there is none."""

    url: str = ""
    prefix: Annotated[str, Field(pattern=r"^[a-z0-9-]+$")] = "sample-app"
    pool_size: Positive = 20
    timeout: Seconds = 0.25  # to connect, and for each answer
    pause: Seconds = 1.0  # after a failure, before the next call


class ImportsSettings(_Group):
    """Uploads of contacts."""

    max_body: Positive = 10_485_760  # bytes of an upload
    max_row: Positive = 65_536  # bytes of one row
    batch: Positive = 250  # rows that are stored at a time
    max_errors: Positive = 100  # rejected rows that are reported


class ExportsSettings(_Group):
    """Downloads of all contacts."""

    batch: Positive = 500  # rows that are read, and held in memory, at a time


class AuthSettings(_Group):
    """Authentication and authorization."""

    secret: Annotated[SecretStr, Field(min_length=32)] = SecretStr(DEVELOPMENT_SECRET)
    issuer: str = "sample-app"
    audience: str = "sample-app"
    token_life: Seconds = 900.0
    refresh_life: Seconds = 1_209_600.0  # of a session, from its log-in
    recheck: Seconds = 5.0  # between two reads of changed roles and ended sessions
    anonymous: bool = True  # contacts need no token; in development only
    admin_email: str = ""  # this admin is created at the start; empty: none
    admin_password: SecretStr = SecretStr("")


class HttpSettings(_Group):
    """Settings of the middleware."""

    origins: tuple[Origin, ...] = ()  # pages of these origins may call the API (CORS)
    proxies: tuple[Network, ...] = ()  # their X-Forwarded-For and -Proto are believed
    max_body: Positive = 1_048_576  # bytes of a request's body
    timeout: Seconds = 30.0  # until an answer begins
    compress_over: Positive = 1024  # bytes of an answer
    idempotency_life: Seconds = 86_400.0  # how long an Idempotency-Key is remembered


class RateSettings(_Group):
    """Rate limits per caller: `<n>/second`, `/minute` or `/hour`."""

    user: Rate = "600/minute"  # signed in, from any address
    address: Rate = "300/minute"  # not signed in
    login: Rate = "10/minute"  # log-ins and registrations from one address


class LockoutSettings(_Group):
    """How many failed log-ins are allowed within a window; times are seconds."""

    attempts: Positive = 5  # for one account from one address
    address_attempts: Positive = 30  # from one address, for all accounts
    account_attempts: Positive = 50  # for one account; then a new address has one attempt
    window: Seconds = 3600.0
    first: Seconds = 60.0  # the first lock; each further failure doubles it
    longest: Seconds = 900.0
    known: Seconds = 2_592_000.0  # how long a successful log-in makes an address a known one


class AuditSettings(_Group):
    """The audit log."""

    keep: Seconds = 7_776_000.0  # age at which an entry is deleted


class SeedSettings(_Group):
    """The data set that is added at start-up: contacts 1..rows. 0 leaves the database alone."""

    rows: Annotated[int, Field(ge=0)] = 10_000
    reset: bool = False  # also delete every other contact; in development only
    companies: Positive = 200
    random: int = 1  # same number, same data
    password: SecretStr = SecretStr(SAMPLE_PASSWORD)  # of reader@, editor@, admin@example.com


class WelcomeSettings(_Group):
    """The message that a new contact gets in the background."""

    delay: Annotated[float, Field(ge=0)] = 0.03  # the mail gateway's answer time, seconds


class DirectorySettings(_Group):
    """The company directory, another service; without a URL a stub answers. Times are seconds."""

    url: str = ""
    stub_delay: Annotated[float, Field(ge=0)] = 0.0  # the stub's answer time
    concurrency: Positive = 10  # requests at once, and pooled connections
    timeout: Seconds = 1.0  # to connect, and for each part of an answer
    attempts: Positive = 2
    retry_wait: Seconds = 0.05  # before the second attempt; doubles
    deadline: Seconds = 3.0  # for all of it
    failures: Positive = 5  # in a row, after which the circuit opens
    pause: Seconds = 60.0  # seconds until a call is tried again


class TasksSettings(_Group):
    """Background tasks; times are seconds."""

    concurrency: Positive = 10  # that run at once
    queue_size: Positive = 1000  # that wait in this process; more wait in the database
    attempts: Positive = 3  # of each step, after temporary errors
    retry_wait: Seconds = 0.2  # before the second attempt; doubles
    kept: Seconds = 86_400.0  # how long the status of an ended task is kept
    lease: Seconds = 30.0  # after the death of its process a task waits so long to be started again
    poll: Seconds = 5.0  # between two looks for such tasks, about
    drain: Seconds = 10.0  # time to end when the service stops

    @model_validator(mode="after")
    def _leases_are_extended_in_time(self) -> Self:
        if self.lease < 4 * self.poll:
            message = "SAMPLE_APP_TASKS_LEASE must be at least four times SAMPLE_APP_TASKS_POLL"
            raise ValueError(message)
        return self


class MetricsSettings(_Group):
    """`/metrics`."""

    token: SecretStr = SecretStr("")  # needed as a bearer token, 16 characters or more; empty: none

    @field_validator("token")
    @classmethod
    def _token_is_long(cls, token: SecretStr) -> SecretStr:
        if 0 < len(token) < 16:
            message = "a token has 16 characters or more"
            raise ValueError(message)
        return token


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
    built: Literal["unknown"] | AwareDatetime = "unknown"  # when the image was built, ISO 8601
    regressions: str = ""  # regressions to plant, e.g. "n_plus_one,slow_query"; never in production
    database: DatabaseSettings = DatabaseSettings()
    cache: CacheSettings = CacheSettings()
    redis: RedisSettings = RedisSettings()
    auth: AuthSettings = AuthSettings()
    http: HttpSettings = HttpSettings()
    rate: RateSettings = RateSettings()
    lockout: LockoutSettings = LockoutSettings()
    audit: AuditSettings = AuditSettings()
    imports: ImportsSettings = ImportsSettings()
    exports: ExportsSettings = ExportsSettings()
    seed: SeedSettings = SeedSettings()
    welcome: WelcomeSettings = WelcomeSettings()
    directory: DirectorySettings = DirectorySettings()
    tasks: TasksSettings = TasksSettings()
    metrics: MetricsSettings = MetricsSettings()
    traces: TracesSettings = TracesSettings()
    log: LogSettings = LogSettings()

    @property
    def cache_levels(self) -> tuple[Literal["memory", "redis"], ...]:
        """The levels of every cache, from the nearest."""
        levels = self.cache.levels
        if levels == "both" or (levels == "auto" and self.redis.url):
            return "memory", "redis"
        return ("redis",) if levels == "redis" else ("memory",)

    @model_validator(mode="after")
    def _redis_has_a_url(self) -> Self:
        if self.cache.levels in {"redis", "both"} and not self.redis.url:
            message = f"SAMPLE_APP_CACHE_LEVELS={self.cache.levels} needs SAMPLE_APP_REDIS_URL"
            raise ValueError(message)
        return self

    @model_validator(mode="after")
    def _no_mistakes_outside_of_development(self) -> Self:
        if self.guarded and self.regressions:
            message = (
                "SAMPLE_APP_REGRESSIONS plants mistakes:"
                f" leave it empty when SAMPLE_APP_ENVIRONMENT is {self.environment}"
            )
            raise ValueError(message)
        return self

    @model_validator(mode="after")
    def _seed_never_in_production(self) -> Self:
        if self.environment == "production" and self.seed.rows:
            message = "seeding adds made-up contacts: set SAMPLE_APP_SEED_ROWS=0 in production"
            raise ValueError(message)
        return self

    @model_validator(mode="after")
    def _reset_in_development_only(self) -> Self:
        if self.environment != "development" and self.seed.reset:
            message = "SAMPLE_APP_SEED_RESET deletes contacts: it is for development only"
            raise ValueError(message)
        return self

    @model_validator(mode="after")
    def _secret_of_its_own_outside_of_development(self) -> Self:
        if self.guarded and self.auth.secret.get_secret_value() == DEVELOPMENT_SECRET:
            message = (
                "anybody could sign tokens with the default secret: set SAMPLE_APP_AUTH_SECRET to"
                f" 32 random characters or more when SAMPLE_APP_ENVIRONMENT is {self.environment}"
            )
            raise ValueError(message)
        return self

    @model_validator(mode="after")
    def _no_public_password_outside_of_development(self) -> Self:
        public = [
            name
            for name, password, used in (
                ("SAMPLE_APP_SEED_PASSWORD", self.seed.password, self.seed.rows > 0),
                ("SAMPLE_APP_AUTH_ADMIN_PASSWORD", self.auth.admin_password, True),
            )
            if used and password.get_secret_value() == SAMPLE_PASSWORD
        ]
        if self.guarded and public:
            message = (
                f"{' and '.join(public)}: the sample password is public; set another one, or leave"
                f" it empty, when SAMPLE_APP_ENVIRONMENT is {self.environment}"
            )
            raise ValueError(message)
        return self

    @property
    def guarded(self) -> bool:
        """Whether this is staging or production, which refuse what only development allows."""
        return self.environment != "development"

    @property
    def migrates(self) -> bool:
        """Whether a start migrates the schema; always for SQLite, which is a local file."""
        if self.database.url.startswith("sqlite"):
            return True
        return self.database.migrate and self.environment != "production"

    @property
    def anonymous(self) -> bool:
        """Whether contacts may be read and edited without a token."""
        return self.auth.anonymous and not self.guarded
