"""Companies in requests and answers."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from sample_app.schemas.contacts import CompanyOut
from sample_app.schemas.page import PageQuery
from sample_app.schemas.text import NO_NUL

CompanyName = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200, pattern=NO_NUL)
]


class CompanyProfile(BaseModel):
    """A profile of the company directory."""

    model_config = ConfigDict(frozen=True)

    industry: Annotated[str, Field(max_length=100)]
    employees: Annotated[int, Field(ge=0)]


class CompanySummary(CompanyOut):
    """A company in a list, and how many contacts it has; 10,000 means at least so many."""

    contacts: int


class CompanyDetail(CompanySummary):
    """A company; without profile when the directory has none, or does not answer now."""

    profile: CompanyProfile | None


class CompanyListQuery(PageQuery):
    """Which page of companies, and whether each has its profile."""

    profiles: bool = False


class CompanyPatch(BaseModel):
    """The changeable fields of a company."""

    model_config = ConfigDict(extra="forbid")

    name: CompanyName
