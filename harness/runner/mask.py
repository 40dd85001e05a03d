"""Shows values of environment variables, which may be secrets, as before their expansion."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Final

HIDDEN: Final = "***"  # in the place of a secret
SHORTEST: Final = 4  # characters of a value that is masked; shorter ones are in every text

_VARIABLE = re.compile(r"\$\{([A-Za-z_]\w*)", re.ASCII)

_SECRET = re.compile(r"pass|secret|token|key|credential|auth|cookie", re.IGNORECASE)

Mask = Callable[[str], str]


def masked_arguments(arguments: Iterable[str]) -> list[str]:
    """The arguments of a command line, with `***` in the place of what is probably a secret.

    That is the value of an option whose name says so: `--api-key X`, `--password=X`.
    """
    found: list[str] = []
    secret = False
    for argument in arguments:
        if not argument.startswith("-"):
            found.append(HIDDEN if secret else argument)
            continue
        name, equals, _ = argument.partition("=")
        secret = _SECRET.search(name) is not None
        found.append(f"{name}={HIDDEN}" if secret and equals else argument)
    return found


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
