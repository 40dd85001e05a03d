"""`/api/v1/contacts`."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, BackgroundTasks, Query, Response, status

from sample_app.api.dependencies import ContactId, ServicesDep
from sample_app.api.errors import documented
from sample_app.schemas.contacts import ContactDetail, ContactIn, ContactPatch, ContactSummary
from sample_app.schemas.page import Page, PageQuery, SearchQuery
from sample_app.services.welcome import WELCOME

router = APIRouter(prefix="/api/v1/contacts", tags=["contacts"])


@router.get("", responses=documented(422))
async def list_contacts(
    services: ServicesDep, query: Annotated[PageQuery, Query()]
) -> Page[ContactSummary]:
    """One page of all contacts, ordered by name."""
    return await services.contacts.list(query)


@router.get("/search", responses=documented(422))
async def search_contacts(
    services: ServicesDep, query: Annotated[SearchQuery, Query()]
) -> Page[ContactSummary]:
    """One page of the contacts whose "last first" name or e-mail address begins with `q`."""
    return await services.contacts.search(query)


@router.get("/{id}", responses=documented(404, 422))
async def get_contact(services: ServicesDep, identifier: ContactId) -> ContactDetail:
    """One contact with everything about it."""
    return await services.contacts.detail(identifier)


@router.post("", status_code=status.HTTP_201_CREATED, responses=documented(409, 422))
async def create_contact(
    services: ServicesDep, new: ContactIn, response: Response, tasks: BackgroundTasks
) -> ContactDetail:
    """Store a new contact; they are welcomed in the background."""
    contact = await services.contacts.create(new)
    response.headers["Location"] = f"{router.prefix}/{contact.id}"
    tasks.add_task(services.background.run, WELCOME, services.welcome.send, contact.id)
    return contact


@router.put("/{id}", responses=documented(404, 409, 422))
async def replace_contact(
    services: ServicesDep, identifier: ContactId, new: ContactIn
) -> ContactDetail:
    """Overwrite a contact."""
    return await services.contacts.replace(identifier, new)


@router.patch("/{id}", responses=documented(404, 409, 422))
async def update_contact(
    services: ServicesDep, identifier: ContactId, patch: ContactPatch
) -> ContactDetail:
    """Change the fields that are sent."""
    return await services.contacts.update(identifier, patch)


@router.delete("/{id}", status_code=status.HTTP_204_NO_CONTENT, responses=documented(404, 422))
async def delete_contact(services: ServicesDep, identifier: ContactId) -> None:
    """Delete a contact."""
    await services.contacts.delete(identifier)
