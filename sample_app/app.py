"""Assembles the application."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute
from opentelemetry.sdk.trace import TracerProvider
from prometheus_client import CollectorRegistry

from sample_app import __version__
from sample_app.api import auth, companies, contacts, exports, health, imports, tasks, users
from sample_app.api.documented import EVERYWHERE, UNLIMITED
from sample_app.api.edge.stack import add_edge
from sample_app.api.errors import handle_errors
from sample_app.clients.directory import CompanyDirectory
from sample_app.core.cache.caches import Caches
from sample_app.core.database.database import Database
from sample_app.core.logs.access_log import AccessLog
from sample_app.core.logs.correlation import Correlation
from sample_app.core.security.passwords import Passwords
from sample_app.core.security.tokens import Tokens
from sample_app.core.tasks.background import Background
from sample_app.migrations.migrating import demand_newest, migrate
from sample_app.repositories.seeding import seed
from sample_app.schemas.companies import CompanyProfile, CompanySummary
from sample_app.schemas.contacts import ContactDetail
from sample_app.schemas.page import Page
from sample_app.services.companies import REFRESH, CompanyService
from sample_app.services.contacts import ContactService
from sample_app.services.container import Services
from sample_app.services.exports import ExportService
from sample_app.services.first_users import ensure_first_users
from sample_app.services.health import HealthService
from sample_app.services.imports import ImportService
from sample_app.services.users import UserService
from sample_app.services.welcome import NOTE_WELCOME, WELCOME, WelcomeService
from sample_app.settings import Settings
from sample_app.telemetry.exposition import metrics_route
from sample_app.telemetry.http import MeasuredRequests
from sample_app.telemetry.metrics import Metrics
from sample_app.telemetry.one_worker import OneWorker
from sample_app.telemetry.tracing import TracedRequests, tracer_provider

SERVICE = "sample-app"
# Exports before contacts: the contacts' route would match `export` as an id.
PARTS = (exports, contacts, companies, imports, tasks, users, auth)
# FastAPI builds the routes of an included router at its first request and keeps them in the entry
# that `include_router` adds. All applications of a process share these entries.
_ROUTES = APIRouter()
for _part in PARTS:
    _ROUTES.include_router(_part.router, responses=EVERYWHERE)
_ROUTES.include_router(health.router, responses=UNLIMITED)


def create_app(
    settings: Settings,
    registry: CollectorRegistry | None = None,
    traces: TracerProvider | None = None,
) -> FastAPI:
    """The application; nothing is opened before its lifespan starts.

    Args:
        settings: Its whole configuration.
        registry: Where its metrics go; by default a registry of its own.
        traces: Where its spans go, shut down at the end; by default there are none.
    """
    metrics = Metrics(registry or CollectorRegistry())
    provider = traces or tracer_provider(SERVICE, __version__, settings.traces.ratio)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        database = Database(settings.database, metrics)
        caches = Caches(settings, metrics.cache)
        directory = CompanyDirectory(settings.directory, metrics.outgoing)
        try:
            await (migrate if settings.migrates else demand_newest)(database.engine)
            await seed(database.engine, settings.seed)
            await ensure_first_users(database, Passwords(), settings)
            services = _services(settings, database, caches, directory, metrics)
            app.state.services = services
            if settings.seed.rows:
                await caches.clear()  # Redis may remember the data from before
            metrics.http.expect(_usual_answers())
            with metrics.garbage.watched(), metrics.logs.watched():
                async with (
                    caches.running(),
                    directory.open(),
                    services.background.running(),
                    metrics.loop.sampled(),
                ):
                    metrics.start.ready()
                    yield
        finally:
            await database.close()
            await close_edge()
            provider.shutdown()

    documented = settings.environment != "production"
    app = FastAPI(
        title="Sample contacts service",
        version=__version__,
        lifespan=lifespan,
        docs_url="/docs" if documented else None,
        redoc_url=None,
        openapi_url="/openapi.json" if documented else None,
    )
    app.state.commit = settings.commit
    app.state.anonymous = settings.anonymous
    app.router.routes += [*_ROUTES.routes, metrics_route(metrics.registry)]
    # From the inside out: the last one added gets a request first.
    close_edge = add_edge(app, settings, Tokens(settings.auth))
    handle_errors(app)
    if settings.log.requests:
        app.add_middleware(AccessLog)
    app.add_middleware(Correlation)
    app.add_middleware(MeasuredRequests, metrics=metrics.http)
    app.add_middleware(OneWorker)
    app.add_middleware(TracedRequests, provider=provider)
    return app


def _services(
    settings: Settings,
    database: Database,
    caches: Caches,
    directory: CompanyDirectory,
    metrics: Metrics,
) -> Services:
    cache = settings.cache
    details = caches.named("contact_details", ContactDetail, cache.ttl, cache.max_size)
    pages = caches.named(
        "company_pages", Page[CompanySummary], cache.company_ttl, cache.company_max_size
    )
    profiles = caches.named(
        "company_profiles", list[CompanyProfile], cache.profile_ttl, cache.profile_max_size
    )
    for step in (WELCOME, NOTE_WELCOME, REFRESH):
        metrics.tasks.expect(step)
    return Services(
        contacts=ContactService(database, details),
        companies=CompanyService(database, directory, pages, profiles, details),
        imports=ImportService(database, settings.imports),
        exports=ExportService(database, settings.exports),
        users=UserService(database, Tokens(settings.auth), Passwords()),
        welcome=WelcomeService(database, settings.welcome.delay),
        health=HealthService(database, caches, directory),
        background=Background(settings.tasks, metrics.tasks),
    )


def _usual_answers() -> Iterator[tuple[str, str, int]]:
    """Method, route and success status of every documented operation.

    From the routers: the OpenAPI document has the same data, but takes 0.4 s to generate.
    """
    for part in (*PARTS, health):
        for route in part.router.routes:
            if isinstance(route, APIRoute) and route.include_in_schema:
                statuses = (route.status_code or 200, *route.responses)
                for method in route.methods or ():
                    yield method, route.path, min(int(status) for status in statuses)
