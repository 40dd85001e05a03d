"""Dependencies of the routes."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Path, Request

from sample_app.schemas.contacts import Id
from sample_app.services.container import Services


async def _services(request: Request) -> Services:
    """Async, because FastAPI sends each plain function through a thread."""
    services = request.app.state.services
    assert isinstance(services, Services)
    return services


ServicesDep = Annotated[Services, Depends(_services)]
ContactId = Annotated[Id, Path(alias="id")]
