"""Every error that the service raises on purpose.

```
AppError
├── NotFoundError       the thing asked for does not exist
├── ConflictError       it contradicts what is stored
├── InvalidError        well-formed, but refers to something that does not exist
├── UnauthenticatedError  nobody knows who asks
├── ForbiddenError      who asks may not do this
├── LockedOutError      too many failed log-ins
└── UnavailableError    a dependency does not answer; trying later may help
```

`message` and `details` are shown to clients, so neither may name tables, hosts or code.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar


class AppError(Exception):
    """Base of all errors raised on purpose.

    Args:
        message: One sentence for the client.
        details: JSON values that a program may read.
    """

    code: ClassVar[str] = "error"

    def __init__(self, message: str, details: Mapping[str, object] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.details = dict(details or {})


class NotFoundError(AppError):
    """The thing asked for does not exist."""

    code = "not_found"


class ConflictError(AppError):
    """The request contradicts what is stored."""

    code = "conflict"


class InvalidError(AppError):
    """The request is well-formed but cannot be carried out."""

    code = "invalid"


class UnauthenticatedError(AppError):
    """Nobody knows who asks: no token, a bad one, or a wrong password."""

    code = "unauthenticated"


class ForbiddenError(AppError):
    """Who asks is known, and may not do this."""

    code = "forbidden"


class LockedOutError(AppError):
    """Too many failed log-ins.

    Args:
        seconds: The time until the next attempt is allowed.
    """

    code = "locked_out"

    def __init__(self, seconds: int) -> None:
        super().__init__(
            f"Too many failed log-ins. Try again in {seconds} s.", {"retry_after": seconds}
        )
        self.seconds = seconds


class UnavailableError(AppError):
    """A dependency does not answer."""

    code = "unavailable"
