"""`/api/v1/companies`."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, BackgroundTasks, Path, Query, Response, status

from sample_app.api.access import EDITS, READS
from sample_app.api.dependencies import ServicesDep
from sample_app.api.documented import BODY, documented
from sample_app.api.http_cache import NOT_MODIFIED
from sample_app.api.idempotency import IdempotencyKey
from sample_app.api.route import ResourceRoute
from sample_app.api.tasks import router as tasks_router
from sample_app.schemas.companies import (
    CompanyDetail,
    CompanyListQuery,
    CompanyPatch,
    CompanySummary,
)
from sample_app.schemas.contacts import CompanyOut, Id
from sample_app.schemas.page import Page
from sample_app.schemas.tasks import TaskOut

router = APIRouter(
    prefix="/api/v1/companies",
    tags=["companies"],
    route_class=ResourceRoute,
    dependencies=[READS],
    responses=documented(401, 403),
)
CompanyId = Annotated[Id, Path(alias="id")]


@router.get("", responses=documented(422) | NOT_MODIFIED)
async def list_companies(
    services: ServicesDep, query: Annotated[CompanyListQuery, Query()]
) -> Page[CompanyDetail] | Page[CompanySummary]:
    """One page of all companies by name; their numbers of contacts may be slightly out of date.

    With `profiles`, each company has its profile in the company directory, as a single one has.
    """
    if query.profiles:
        return await services.companies.list_with_profiles(query)
    return await services.companies.list(query)


@router.get("/{id}", responses=documented(404, 422) | NOT_MODIFIED)
async def get_company(services: ServicesDep, identifier: CompanyId) -> CompanyDetail:
    """One company with the number of its contacts and its profile in the company directory.

    `profile` is null when the directory has none, or does not answer now.
    """
    return await services.companies.detail(identifier)


@router.patch("/{id}", dependencies=[EDITS], responses=documented(404, 409, *BODY))
async def update_company(
    services: ServicesDep, identifier: CompanyId, patch: CompanyPatch
) -> CompanyOut:
    """Give a company another name."""
    return await services.companies.rename(identifier, patch)


@router.post(
    "/{id}/refresh",
    status_code=status.HTTP_202_ACCEPTED,
    dependencies=[EDITS],
    responses=documented(404, 409, *BODY),
)
async def refresh_company(
    services: ServicesDep,
    identifier: CompanyId,
    response: Response,
    tasks: BackgroundTasks,
    key: IdempotencyKey = None,
) -> TaskOut:
    """Refresh the profile from the directory in the background; `Location` has the status."""
    task = await services.companies.plan_refresh(identifier)
    response.headers["Location"] = f"{tasks_router.prefix}/{task.id}"
    tasks.add_task(services.background.start, task)
    return TaskOut.model_validate(task)
