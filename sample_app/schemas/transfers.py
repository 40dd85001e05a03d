"""Contacts in downloaded and uploaded files."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Literal

from pydantic import BaseModel, ConfigDict

from sample_app.schemas.contacts import ContactIn


class FileFormat(StrEnum):
    """One JSON object a line, or comma-separated values with a header (RFC 4180)."""

    JSONL = "jsonl"
    CSV = "csv"

    @property
    def media_type(self) -> str:
        """The media type."""
        return "text/csv" if self is FileFormat.CSV else "application/x-ndjson"


class ContactRecord(BaseModel):
    """One row of a download."""

    model_config = ConfigDict(from_attributes=True)

    id: int
    first_name: str
    last_name: str
    email: str
    company_id: int
    phone: str | None
    notes: str | None
    created_at: datetime
    updated_at: datetime


class ContactUpload(ContactIn):
    """One row of an upload: a new contact; other columns, as downloads have, are ignored."""

    model_config = ConfigDict(extra="ignore")


class RejectedRow(BaseModel):
    """The reason why a row, counted from 1 without the header, was rejected."""

    row: int
    problem: str


class ImportOut(BaseModel):
    """One import: what has been stored so far, and the first of the rejected rows.

    `broken_off`: the upload, or this service, ended in the middle; what is counted is stored.
    """

    model_config = ConfigDict(from_attributes=True)

    id: int
    status: Literal["running", "finished", "broken_off"]
    imported: int
    rejected: int
    errors: list[RejectedRow]
    started_at: datetime
    finished_at: datetime | None
