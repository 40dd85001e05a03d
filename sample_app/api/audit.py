"""`/api/v1/audit`."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from sample_app.api.access import ADMINISTERS
from sample_app.api.dependencies import ServicesDep
from sample_app.api.documented import documented
from sample_app.schemas.audit import AuditOut, AuditQuery
from sample_app.schemas.cursor import CursorPage

router = APIRouter(prefix="/api/v1/audit", tags=["users"], dependencies=[ADMINISTERS])


@router.get("", responses=documented(401, 403, 422))
async def list_events(
    services: ServicesDep, query: Annotated[AuditQuery, Query()]
) -> CursorPage[AuditOut]:
    """Security events from the newest on; for admins."""
    return await services.audit.page(query)
