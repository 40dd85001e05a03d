"""Classifies errors of a database: temporarily unavailable, or invalid data."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from sample_app.core.errors import AppError, InvalidError, UnavailableError

# Classes of SQLSTATE (PostgreSQL manual, appendix A): connection, transaction rollback, resources,
# operator intervention, system error. A later attempt may succeed.
_PASSING: Final = frozenset(("08", "40", "53", "57", "58"))
_DATA: Final = "22"


@contextmanager
def told(connect_errors: tuple[type[Exception], ...]) -> Iterator[None]:
    """Convert errors of the database into the errors for clients.

    Args:
        connect_errors: The driver's own errors when it cannot connect.

    Raises:
        UnavailableError: When a later attempt may succeed.
        InvalidError: When the database cannot store a value.
    """
    passing: tuple[type[Exception], ...] = (PoolTimeoutError, OSError, *connect_errors)
    try:
        yield
    except DBAPIError as error:
        if (answer := _answer(error)) is None:
            raise
        raise answer from error
    except passing as error:
        raise _unavailable() from error


def _answer(error: DBAPIError) -> AppError | None:
    state = getattr(error.orig, "sqlstate", None) or ""
    passing = isinstance(error, OperationalError | InterfaceError) or state[:2] in _PASSING
    if error.connection_invalidated or passing:
        return _unavailable()
    return InvalidError("The database cannot hold this value.") if state[:2] == _DATA else None


def _unavailable() -> UnavailableError:
    return UnavailableError("The database does not answer. Try again later.")
