"""Names of Python functions and variables for operations and ids."""

from __future__ import annotations

import keyword
import re
from typing import Final

# Attributes of Locust's users, and names that the locustfile uses.
_TAKEN: Final = frozenset(
    {
        *(
            "abstract",
            "client",
            "context",
            "environment",
            "fixed_count",
            "greenlet",
            "group",
            "host",
        ),
        *(
            "on_start",
            "on_stop",
            "run",
            "start",
            "stop",
            "tasks",
            "wait",
            "wait_function",
            "wait_time",
        ),
        *("weight", "between", "deque", "logging_in", "os", "quote", "random", "task", "uuid4"),
        *("default_headers", "concurrency", "insecure", "network_timeout", "connection_timeout"),
        *("max_redirects", "max_retries", "client_pool", "ssl_context_factory", "proxy_host"),
        *("proxy_port", "fullname", "trigger_pause", "pool_manager"),
    }
)
# Names that the functions of the locustfile use.
_LOCALS: Final = frozenset({"self", "response", "item", "os", "random", "quote", "uuid4", "str"})
_WORDS: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|[^A-Za-z0-9]+")


def snake(text: str) -> str:
    """A text as lower-case words with underscores; only ASCII letters, digits and underscores."""
    return re.sub("_+", "_", _WORDS.sub("_", text)).strip("_").lower()


def function_name(method: str, path: str, identifier: str) -> str:
    """The name of the function for an operation.

    FastAPI's own identifiers end with the path and the method, and Litestar's begin with the path,
    which say nothing new.

    Args:
        method: In lower case.
        path: The route template.
        identifier: `operationId` of the document; empty without one.
    """
    name, end = snake(identifier), f"_{snake(f'{path}_{method}')}"
    if len(name) > len(end):
        name = name.removesuffix(end)
    parts = [part for part in path.split("/") if part]
    nouns = [singular(snake(part)) for part in parts if "{" not in part]
    rest = name.removeprefix("".join(f"{snake(part)}_" for part in parts))
    if nouns and nouns[-1] and nouns[-1] in rest:
        name = rest
    if not name:
        name = snake(f"{method} {path}") if snake(path) else f"{method}_root"
    return name if name[0].isalpha() else f"{method}_{name}"


class NameSpace:
    """The names of one locustfile; no two are the same."""

    def __init__(self) -> None:
        self._used = set(_TAKEN)

    def take(self, name: str) -> str:
        """The name, with a number at its end when it is used already."""
        name = snake(name)[:60] or "call"
        if keyword.iskeyword(name) or keyword.issoftkeyword(name) or not name[0].isalpha():
            name = f"call_{name}"
        candidate, number = name, 1
        while candidate in self._used:
            number += 1
            candidate = f"{name}_{number}"
        self._used.add(candidate)
        return candidate


def singular(word: str) -> str:
    """An English noun without its plural's ending: `categories` to `category`."""
    if word.endswith("ies") and len(word) > 4:
        return f"{word[:-3]}y"
    if re.search(r"(ss|sh|ch|x)es$", word):
        return word[:-2]
    if word.endswith("s") and not word.endswith(("ss", "us", "is")):
        return word[:-1]
    return word


def local_name(parameter: str) -> str:
    """The local variable for a parameter of a path."""
    name = snake(parameter)
    if not name or not name[0].isalpha() or keyword.iskeyword(name) or name in _LOCALS:
        return f"value_{name}".rstrip("_")
    return name
