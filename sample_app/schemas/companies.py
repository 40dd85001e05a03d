"""Companies as clients see them."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class CompanyDetail(BaseModel):
    """A company, and how many contacts it has."""

    model_config = ConfigDict(frozen=True)

    id: int
    name: str
    contacts: int
