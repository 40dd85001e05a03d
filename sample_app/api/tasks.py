"""`/api/v1/tasks`: the status of background tasks."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Path

from sample_app.api.access import READS
from sample_app.api.dependencies import ServicesDep
from sample_app.api.documented import documented
from sample_app.core.errors import NotFoundError
from sample_app.schemas.tasks import TaskOut

router = APIRouter(
    prefix="/api/v1/tasks", tags=["tasks"], dependencies=[READS], responses=documented(401, 403)
)
HEADER: Final = "X-Task-Id"  # the number of the background task of an answer
TaskId = Annotated[str, Path(alias="id", pattern="^[0-9a-f]{32}$")]


@router.get("/{id}", responses=documented(404, 422))
async def get_task(services: ServicesDep, identifier: TaskId) -> TaskOut:
    """One background task, whichever process works on it; ended tasks are kept for a day."""
    task = await services.background.status(identifier)
    if task is None:
        raise NotFoundError("This task does not exist, or ended long ago.", {"id": identifier})
    return TaskOut.model_validate(task)
