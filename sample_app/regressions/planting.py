"""What every planted regression is made of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from sample_app.core.settings import Settings


class Replace(Protocol):
    """Puts something else in the place of an attribute, as `setattr` does.

    Tests pass a function that also puts the original back.
    """

    def __call__(self, owner: object, name: str, value: object, /) -> None:
        """Replace `owner.name`."""


Plant = Callable[[Settings, Replace], Settings]
"""Plants a mistake before the application is made: by other settings, or by other code."""


def changed(settings: Settings, group: str, **values: object) -> Settings:
    """Settings with other values in one group; unlike the environment, they may be out of range."""
    inner = getattr(settings, group).model_copy(update=values)
    return settings.model_copy(update={group: inner})
