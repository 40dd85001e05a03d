"""Inside the generator: the error for a locustfile that cannot be run."""

from __future__ import annotations


class RefusalError(Exception):
    """The locustfile cannot be run; `hint` is the remedy."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
