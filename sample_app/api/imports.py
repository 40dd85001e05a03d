"""`/api/v1/imports`."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Path, Request, Response, status
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from sample_app.api.access import EDITS
from sample_app.api.dependencies import ServicesDep
from sample_app.api.documented import documented
from sample_app.api.idempotency import IdempotencyKey
from sample_app.api.route import UploadRoute
from sample_app.schemas.contacts import Id
from sample_app.schemas.transfers import FileFormat, ImportOut

PATH: Final = "/api/v1/imports"
router = APIRouter(
    prefix=PATH,
    tags=["imports"],
    route_class=UploadRoute,
    dependencies=[EDITS],
    responses=documented(401, 403),
)
_FORMATS: Final = {form.media_type: form for form in FileFormat}
_EXAMPLE: Final = {
    FileFormat.CSV: "first_name,last_name,email,company_id\nAda,Lovelace,ada@example.com,1\n",
    FileFormat.JSONL: '{"first_name": "Ada", "last_name": "Lovelace",'
    ' "email": "ada@example.com", "company_id": 1}\n',
}
_FILE: Final = {
    "requestBody": {
        "required": True,
        "content": {
            form.media_type: {"schema": {"type": "string"}, "example": _EXAMPLE[form]}
            for form in FileFormat
        },
    }
}


@router.post(
    "",
    status_code=status.HTTP_201_CREATED,
    openapi_extra=_FILE,
    responses=documented(400, 409, 413, 415, 422),
)
async def import_contacts(
    services: ServicesDep, request: Request, response: Response, key: IdempotencyKey = None
) -> ImportOut:
    """Store the contacts of a file, as it arrives; rejected rows do not stop the others.

    JSON lines, or CSV whose first line names the columns: those of a new contact.
    """
    media_type = request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if media_type not in _FORMATS:
        raise HTTPException(status.HTTP_415_UNSUPPORTED_MEDIA_TYPE)
    try:
        done = await services.imports.run(request.stream(), _FORMATS[media_type])
    except ClientDisconnect:
        raise HTTPException(status.HTTP_400_BAD_REQUEST) from None  # the client does not read it
    response.headers["Location"] = f"{PATH}/{done.id}"
    return done


@router.get("/{id}", responses=documented(404, 422))
async def get_import(
    services: ServicesDep, identifier: Annotated[Id, Path(alias="id")]
) -> ImportOut:
    """The progress or the result of an import."""
    return await services.imports.status(identifier)
