"""Assembles the application."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from functools import partial

from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute
from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
from prometheus_client import CollectorRegistry

from sample_app import __version__
from sample_app.api import audit, auth, companies, contacts, exports, health, imports, tasks, users
from sample_app.api.documented import EVERYWHERE, UNLIMITED
from sample_app.api.edge.rate_limit import LIMITS
from sample_app.api.edge.stack import add_edge
from sample_app.api.errors import handle_errors
from sample_app.clients.directory import CompanyDirectory
from sample_app.core.cache.caches import Caches
from sample_app.core.database.database import Database
from sample_app.core.logs.access_log import AccessLog
from sample_app.core.logs.correlation import Correlation
from sample_app.core.logs.events import BusinessEvents
from sample_app.core.security.access import Access
from sample_app.core.security.passwords import Passwords
from sample_app.core.tasks.background import Background
from sample_app.migrations.migrating import demand_newest, migrate
from sample_app.repositories.seeding import seed
from sample_app.repositories.tasks import DatabaseTaskStore
from sample_app.schemas.companies import CompanyProfile, CompanySummary
from sample_app.schemas.contacts import ContactDetail
from sample_app.schemas.page import Page
from sample_app.services.audit import AuditService
from sample_app.services.companies import CompanyService
from sample_app.services.contacts import ContactService
from sample_app.services.container import Services
from sample_app.services.events import Event
from sample_app.services.exports import ExportService
from sample_app.services.first_users import ensure_first_users
from sample_app.services.health import HealthService
from sample_app.services.imports import ImportService
from sample_app.services.inspection import InspectionService
from sample_app.services.sessions import REASONS, SessionService
from sample_app.services.standings import StandingService
from sample_app.services.users import UserService
from sample_app.services.welcome import WelcomeService
from sample_app.settings import Settings
from sample_app.telemetry.exposition import metrics_route
from sample_app.telemetry.http import MeasuredRequests
from sample_app.telemetry.metrics import Metrics
from sample_app.telemetry.one_worker import OneWorker
from sample_app.telemetry.tracing import flush_traces, instrument_app

# Exports before contacts: the contacts' route would match `export` as an id.
PARTS = (exports, contacts, companies, imports, tasks, users, auth, audit)
# FastAPI builds the routes of an included router at its first request and keeps them in the entry
# that `include_router` adds. All applications of a process share these entries.
_ROUTES = APIRouter()
for _part in PARTS:
    _ROUTES.include_router(_part.router, responses=EVERYWHERE)
_ROUTES.include_router(health.router, responses=UNLIMITED)


def create_app(settings: Settings, registry: CollectorRegistry | None = None) -> FastAPI:
    """The application; nothing is opened before its lifespan starts.

    Its spans go to the global tracer provider of the process, which `sample_app.main` sets.

    Args:
        settings: Its whole configuration.
        registry: Where its metrics go; by default a registry of its own.
    """
    metrics = Metrics(registry or CollectorRegistry())
    metrics.access.expect(REASONS, LIMITS)
    access = Access(settings)
    documented = settings.environment != "production"
    app = FastAPI(
        title="Sample contacts service",
        version=__version__,
        lifespan=partial(_running, settings=settings, metrics=metrics, access=access),
        docs_url="/docs" if documented else None,
        redoc_url=None,
        openapi_url="/openapi.json" if documented else None,
    )
    app.state.commit = settings.commit
    app.state.built = settings.built
    app.state.anonymous = settings.anonymous
    app.router.routes += [
        *_ROUTES.routes,
        metrics_route(metrics.registry, settings.metrics.token.get_secret_value()),
    ]
    handle_errors(app)
    _add_middleware(app, settings, metrics, access)
    return app


def _add_middleware(app: FastAPI, settings: Settings, metrics: Metrics, access: Access) -> None:
    """From the inside out: the last one added gets a request first."""
    add_edge(app, settings, access, metrics.access.rate_limited)
    if settings.log.requests:
        app.add_middleware(AccessLog)
    app.add_middleware(Correlation)
    app.add_middleware(MeasuredRequests, metrics=metrics.http)
    app.add_middleware(OneWorker)
    instrument_app(app, settings.traces.ratio)


@asynccontextmanager
async def _running(
    app: FastAPI, settings: Settings, metrics: Metrics, access: Access
) -> AsyncIterator[None]:
    """The lifespan: opens and prepares what the services use, and closes it at the end."""
    database = Database(settings.database, metrics)
    caches = Caches(settings, metrics.cache)
    directory = CompanyDirectory(settings.directory, metrics.outgoing)
    try:
        await _prepare(database, settings)
        services = _services(
            *(settings, access),
            database=database,
            caches=caches,
            directory=directory,
            metrics=metrics,
        )
        app.state.services = services
        if settings.seed.rows:
            await caches.clear()  # Redis may remember the data from before
        metrics.http.expect(_usual_answers())
        metrics.events.expect(Event)
        with metrics.garbage.watched(), metrics.logs.watched():
            async with (
                caches.running(),
                directory.open(),
                services.background.running(),
                services.standings.running(),
                services.imports.running(),
                metrics.loop.sampled(),
            ):
                metrics.start.ready()
                yield
    finally:
        await database.close()
        await access.close()
        await asyncio.to_thread(flush_traces)
        FastAPIInstrumentor.uninstrument_app(app)


async def _prepare(database: Database, settings: Settings) -> None:
    """The schema, the sample data and the first users."""
    await (migrate if settings.migrates else demand_newest)(database.engine)
    await seed(database.engine, settings.seed)
    await ensure_first_users(database, Passwords(), settings)


def _services(
    settings: Settings,
    access: Access,
    *,
    database: Database,
    caches: Caches,
    directory: CompanyDirectory,
    metrics: Metrics,
) -> Services:
    cache = settings.cache
    details = caches.named("contact_details", ContactDetail, cache.ttl, cache.max_size)
    audit_log = AuditService(database)
    standings = StandingService(database, access, settings)
    passwords = Passwords()
    background = Background(settings.tasks, metrics.tasks, DatabaseTaskStore(database))
    events = BusinessEvents(metrics.events)
    companies = CompanyService(
        *(database, directory, background),
        pages=caches.named(
            "company_pages", Page[CompanySummary], cache.company_ttl, cache.company_max_size
        ),
        profiles=caches.named(
            "company_profiles", list[CompanyProfile], cache.profile_ttl, cache.profile_max_size
        ),
        contacts=details,
        events=events,
    )
    welcome = WelcomeService(settings.welcome.delay)
    background.register({**welcome.work(), **companies.work()}, atomic=WelcomeService.ATOMIC)
    return Services(
        contacts=ContactService(database, details, background, events),
        companies=companies,
        imports=ImportService(database, settings.imports, audit_log, events),
        exports=ExportService(database, settings.exports, audit_log, events),
        users=UserService(database, passwords, audit_log, standings, events),
        sessions=SessionService(
            database,
            access,
            passwords=passwords,
            audit=audit_log,
            standings=standings,
            refused=metrics.access.log_in_refused,
            life=settings.auth.refresh_life,
        ),
        standings=standings,
        audit=audit_log,
        health=HealthService(database, caches, directory),
        inspection=InspectionService(settings, database, caches, directory, background),
        background=background,
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
