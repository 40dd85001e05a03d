"""Inside the generator: listeners of Locust's events whose exceptions end the run, or are noted.

Locust logs the exception of a listener and continues; at the end it exits with code 2.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from typing import Any

import locust
from locust.exception import (
    InterruptTaskSet,
    RescheduleTask,
    RescheduleTaskImmediately,
    StopTest,
    StopUser,
)

# Exceptions that locustfiles raise to control the flow of tasks.
FLOW = (InterruptTaskSet, RescheduleTask, RescheduleTaskImmediately, StopTest, StopUser)
_NOTED = ("test_start", "spawning_complete", "test_stopping", "test_stop", "quitting")


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


def note_exceptions(on_exception: Callable[[str, Exception], None]) -> None:
    """Tell of exceptions in listeners of a test's begin and end; the others still run.

    Args:
        on_exception: Called with the name of the event.
    """
    for name in _NOTED:
        event: Any = getattr(locust.events, name)
        event.fire = partial(_fire_all, event, partial(on_exception, name))


def _fire_all(
    event: Any, on_exception: Callable[[Exception], None], *, reverse: bool = False, **values: Any
) -> None:
    """As `EventHook.fire`."""
    listeners = event._handlers.copy()  # noqa: SLF001 - there is no public access
    for listener in reversed(listeners) if reverse else listeners:
        try:
            listener(**values)
        except FLOW:
            raise
        except Exception as error:
            logging.getLogger(__name__).exception("Uncaught exception in event handler")
            on_exception(error)
