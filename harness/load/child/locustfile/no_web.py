"""Inside the generator: replaces Locust's web interface for locustfiles that extend it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


class NoWebInterface:
    """A web interface that does not exist.

    It is false, as `environment.web_ui` of `locust --headless` is. A locustfile that does not ask
    can add routes to it, `@environment.web_ui.app.route("/path")`, which has no effect.
    """

    def __bool__(self) -> bool:
        return False

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return NoWebInterface()

    def __call__(self, *given: Any, **_: Any) -> Any:
        """A decorator returns the function that it gets."""
        return given[0] if len(given) == 1 and callable(given[0]) else NoWebInterface()

    def __getitem__(self, _: object) -> Any:
        return NoWebInterface()

    def __setitem__(self, *_: object) -> None: ...

    def __iter__(self) -> Iterator[Any]:
        return iter(())
