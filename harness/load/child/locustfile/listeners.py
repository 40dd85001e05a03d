"""Inside the generator: listeners of Locust's events whose exceptions end the run.

Locust logs the exception of a listener and continues.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import locust


def fire(event: Any, name: str, **values: Any) -> None:
    """Call all listeners of an event.

    Args:
        event: An `EventHook` of Locust.
        name: Its name in `locust.events`.
        values: The arguments of the listeners.

    Raises:
        Exception: The first exception of a listener, with a note that names the event.
    """
    for listener in event._handlers.copy():  # noqa: SLF001 - there is no public access
        try:
            listener(**values)
        except Exception as error:
            error.add_note(f"raised by a listener of events.{name}")
            raise


def raise_exceptions(*names: str) -> None:
    """Make some of `locust.events` raise the exceptions of their listeners.

    Args:
        names: Of the events.
    """
    for name in names:
        event: Any = getattr(locust.events, name)
        event.fire = partial(fire, event, name)
