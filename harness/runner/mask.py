"""Shows values of environment variables, which may be secrets, as before their expansion."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final

SHORTEST: Final = 4  # characters of a value that is masked; shorter ones are in every text

_VARIABLE = re.compile(r"\$\{([A-Za-z_]\w*)", re.ASCII)

Mask = Callable[[str], str]


def mask_of(budgets: str, environment: Mapping[str, str]) -> Mask:
    """A function that replaces the values of the variables that a budgets.yaml names.

    Args:
        budgets: The text of budgets.yaml, with `${NAME}` as it was written.
        environment: The environment of the harness.

    Returns:
        From a text to the text with `${NAME}` in the place of each value.
    """
    names = {
        value: name
        for name in _VARIABLE.findall(budgets)
        if len(value := environment.get(name, "")) >= SHORTEST
    }
    if not names:
        return lambda text: text
    longest_first = sorted(names, key=len, reverse=True)
    pattern = re.compile("|".join(map(re.escape, longest_first)))
    return lambda text: pattern.sub(lambda match: f"${{{names[match[0]]}}}", text)
