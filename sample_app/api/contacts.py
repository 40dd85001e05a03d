"""`/api/v1/contacts`."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, BackgroundTasks, Query, Response, status

from sample_app.api.access import EDITS, READS
from sample_app.api.dependencies import ContactId, ServicesDep
from sample_app.api.documented import BODY, documented
from sample_app.api.http_cache import NOT_MODIFIED
from sample_app.api.idempotency import IdempotencyKey
from sample_app.api.route import ResourceRoute
from sample_app.api.tasks import HEADER as TASK
from sample_app.schemas.contacts import ContactDetail, ContactIn, ContactPatch, ContactSummary
from sample_app.schemas.cursor import CursorPage, ListQuery
from sample_app.schemas.page import Page, SearchQuery

router = APIRouter(
    prefix="/api/v1/contacts",
    tags=["contacts"],
    route_class=ResourceRoute,
    dependencies=[READS],
    responses=documented(401, 403),
)


@router.get("", responses=documented(422) | NOT_MODIFIED)
async def list_contacts(
    services: ServicesDep, query: Annotated[ListQuery, Query()]
) -> Page[ContactSummary] | CursorPage[ContactSummary]:
    """One page of all contacts, ordered by name: by its number, or after a cursor.

    Begin with an empty `cursor` and continue with `next` of each answer to get each contact once.
    """
    if query.cursor is not None:
        return await services.contacts.list_after(query.cursor, query.size)
    return await services.contacts.list(query)


@router.get("/search", responses=documented(422) | NOT_MODIFIED)
async def search_contacts(
    services: ServicesDep, query: Annotated[SearchQuery, Query()]
) -> Page[ContactSummary]:
    """One page of the contacts whose "last first" name or e-mail address begins with `q`."""
    return await services.contacts.search(query)


@router.get("/{id}", responses=documented(404, 422) | NOT_MODIFIED)
async def get_contact(services: ServicesDep, identifier: ContactId) -> ContactDetail:
    """One contact with all its fields."""
    return await services.contacts.detail(identifier)


@router.post(
    "",
    status_code=status.HTTP_201_CREATED,
    dependencies=[EDITS],
    responses=documented(409, *BODY),
)
async def create_contact(
    services: ServicesDep,
    new: ContactIn,
    response: Response,
    tasks: BackgroundTasks,
    key: IdempotencyKey = None,
) -> ContactDetail:
    """Store a new contact; they are welcomed in the background."""
    contact, task = await services.contacts.create(new)
    response.headers["Location"] = f"{router.prefix}/{contact.id}"
    response.headers[TASK] = task.id
    tasks.add_task(services.background.start, task)
    return contact


@router.put("/{id}", dependencies=[EDITS], responses=documented(404, 409, *BODY))
async def replace_contact(
    services: ServicesDep, identifier: ContactId, new: ContactIn
) -> ContactDetail:
    """Overwrite a contact."""
    return await services.contacts.replace(identifier, new)


@router.patch("/{id}", dependencies=[EDITS], responses=documented(404, 409, *BODY))
async def update_contact(
    services: ServicesDep, identifier: ContactId, patch: ContactPatch
) -> ContactDetail:
    """Change the fields that the request contains."""
    return await services.contacts.update(identifier, patch)


@router.delete(
    "/{id}",
    status_code=status.HTTP_204_NO_CONTENT,
    dependencies=[EDITS],
    responses=documented(404, 422),
)
async def delete_contact(services: ServicesDep, identifier: ContactId) -> None:
    """Delete a contact."""
    await services.contacts.delete(identifier)
