"""`/api/v1/contacts/export`."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Header, Query
from fastapi.responses import StreamingResponse

from sample_app.api.access import READS
from sample_app.api.dependencies import ServicesDep
from sample_app.api.documented import documented
from sample_app.schemas.transfers import FileFormat

router = APIRouter(
    prefix="/api/v1/contacts",
    tags=["contacts"],
    dependencies=[READS],
    responses=documented(401, 403),
)
_FILE: dict[int | str, dict[str, object]] = {
    200: {
        "description": "One contact a line, in the order of their ids.",
        "content": {form.media_type: {"schema": {"type": "string"}} for form in FileFormat},
    }
}


@router.get("/export", response_class=StreamingResponse, responses=_FILE | documented(422))
async def export_contacts(
    services: ServicesDep,
    chosen: Annotated[FileFormat | None, Query(alias="format")] = None,
    accept: Annotated[str, Header(include_in_schema=False)] = "",
) -> StreamingResponse:
    """All contacts as JSON lines or CSV: by `format`, else by `Accept`, else JSON lines.

    A CSV cell that a spreadsheet would run as a formula begins with an apostrophe, which an import
    takes away again.
    """
    form = chosen or (FileFormat.CSV if FileFormat.CSV.media_type in accept else FileFormat.JSONL)
    pieces = await services.exports.contacts(form)
    headers = {
        "Content-Disposition": f'attachment; filename="contacts.{form}"',
        "Cache-Control": "no-store",
        "Vary": "Accept",
    }
    return StreamingResponse(pieces, media_type=form.media_type, headers=headers)
