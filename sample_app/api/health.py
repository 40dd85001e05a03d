"""`/health`, `/health/ready` and `/health/detailed`."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response, status

from sample_app import __version__
from sample_app.api.access import INSPECTS
from sample_app.api.dependencies import ServicesDep
from sample_app.api.documented import documented
from sample_app.schemas.health import Details, Health, Readiness

router = APIRouter(prefix="/health", tags=["health"])


@router.get("")
async def health(request: Request) -> Health:
    """Always 200 while the process answers: a restart would not repair a dependency."""
    state = request.app.state
    return Health(version=__version__, commit=state.commit, built=state.built)


@router.get("/ready", responses={503: {"model": Readiness}})
async def ready(services: ServicesDep, response: Response) -> Readiness:
    """503 when requests cannot be served now."""
    readiness = await services.health.readiness()
    if readiness.status == "unavailable":
        response.status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    return readiness


@router.get("/detailed", dependencies=[INSPECTS], responses=documented(401, 403))
async def detailed(services: ServicesDep) -> Details:
    """Each dependency with its time to answer, the pools and the tasks.

    For admins. Without a token only where contacts need none either, never in production.
    """
    return await services.inspection.details()
