"""Contacts in requests and answers."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from sample_app.schemas.text import NO_NUL

Name = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100, pattern=NO_NUL)
]
Email = Annotated[
    str,
    StringConstraints(
        strip_whitespace=True,
        to_lower=True,
        max_length=254,
        pattern=r"^[^@\s\x00]+@[^@\s\x00]+\.[^@\s\x00]+$",
    ),
]
Phone = Annotated[str, StringConstraints(max_length=40, pattern=r"^[0-9+() .-]+$")]
Notes = Annotated[str, StringConstraints(max_length=10_000, pattern=NO_NUL)]
Id = Annotated[int, Field(ge=1, le=2**63 - 1)]  # the range of a BigInteger


class _Out(BaseModel):
    model_config = ConfigDict(from_attributes=True, frozen=True)


class CompanyOut(_Out):
    """A contact's company."""

    id: int
    name: str


class ContactSummary(_Out):
    """A contact in a list."""

    id: int
    first_name: str
    last_name: str
    email: str
    company: CompanyOut


class ContactDetail(ContactSummary):
    """A contact with all its fields; times are UTC."""

    phone: str | None
    notes: str | None
    created_at: datetime
    updated_at: datetime


class ContactIn(BaseModel):
    """A whole contact, to create or to replace one."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "first_name": "Ada",
                    "last_name": "Lovelace",
                    "email": "ada@example.com",
                    "company_id": 1,
                    "phone": "+44 20 7946 0000",
                    "notes": "Met at the Analytical Engine.",
                }
            ]
        },
    )

    first_name: Name
    last_name: Name
    email: Email
    company_id: Id
    phone: Phone | None = None
    notes: Notes | None = None


class ContactPatch(BaseModel):
    """The fields to change; absent ones stay.

    The defaults are never used: only fields that the client sent count (`exclude_unset`). A
    default of another type than None keeps `null` out of columns that must have a value.
    """

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"notes": "Called on Monday."}]}
    )

    first_name: Name = ""
    last_name: Name = ""
    email: Email = ""
    company_id: Id = 0
    phone: Phone | None = None
    notes: Notes | None = None
