"""The parts of all planted regressions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from sample_app.settings import Settings


class Replace(Protocol):
    """Replaces an attribute, like `setattr`.

    Tests pass a function that also restores the original.
    """

    def __call__(self, owner: object, name: str, value: object, /) -> None:
        """Replace `owner.name`."""


Plant = Callable[[Settings, Replace], Settings]
"""Plants a regression before the application is created: by other settings or other code."""


def changed(settings: Settings, group: str, **values: object) -> Settings:
    """Settings with other values in one group; unlike the environment, they may be out of range."""
    inner = getattr(settings, group).model_copy(update=values)
    return settings.model_copy(update={group: inner})
