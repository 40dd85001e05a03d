"""The format of all errors."""

from __future__ import annotations

from pydantic import BaseModel


class ErrorOut(BaseModel):
    """What went wrong.

    Attributes:
        code: A stable code for programs, such as `not_found`.
        message: A sentence for people.
        details: Data for programs; the keys depend on the code.
    """

    code: str
    message: str
    details: dict[str, object]
