"""`/api/v1/companies`."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query

from sample_app.api.access import READS
from sample_app.api.dependencies import ServicesDep
from sample_app.api.documented import documented
from sample_app.api.http_cache import NOT_MODIFIED
from sample_app.api.route import ResourceRoute
from sample_app.schemas.companies import CompanyDetail
from sample_app.schemas.contacts import Id
from sample_app.schemas.page import Page, PageQuery

router = APIRouter(
    prefix="/api/v1/companies",
    tags=["companies"],
    route_class=ResourceRoute,
    dependencies=[READS],
    responses=documented(401, 403),
)


@router.get("", responses=documented(422) | NOT_MODIFIED)
async def list_companies(
    services: ServicesDep, query: Annotated[PageQuery, Query()]
) -> Page[CompanyDetail]:
    """One page of all companies, ordered by name, each with the number of its contacts."""
    return await services.companies.list(query)


@router.get("/{id}", responses=documented(404, 422) | NOT_MODIFIED)
async def get_company(
    services: ServicesDep, identifier: Annotated[Id, Path(alias="id")]
) -> CompanyDetail:
    """One company with the number of its contacts."""
    return await services.companies.detail(identifier)
