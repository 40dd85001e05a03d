"""A target's command and URLs, with the port put in and the words taken apart."""

from __future__ import annotations

import re
import shlex
from dataclasses import replace
from typing import Final, Literal
from urllib.parse import urlsplit

from harness.budgets.model import Target
from harness.errors import TargetError

PLACE: Final = "{port}"
SIDE: Final = "{side}"

_QUOTED = re.compile(r"""\\.|'[^']*'|"(?:[^"\\]|\\.)*\"""", re.DOTALL)
_OPERATOR = re.compile(r"&&|\|\||[|;<>&`]|\$\(")
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=.*", re.DOTALL)
_DEFAULT_PORTS = {"http": 80, "https": 443}


def on_port(target: Target, port: int) -> Target:
    """The target with `{port}` replaced wherever it may stand."""

    def put(text: str) -> str:
        return text.replace(PLACE, str(port))

    return replace(
        target,
        url=put(target.url),
        command=None if target.command is None else put(target.command),
        ready=None if target.ready is None else put(target.ready),
        metrics=tuple(put(place) for place in target.metrics),
        environment={name: put(value) for name, value in target.environment.items()},
    )


def on_side(target: Target, side: Literal["baseline", "candidate"]) -> Target:
    """The target with `{side}` replaced in its command, its setup and values of its environment.

    So that each version of a comparison can have a database of its own. Alone, a service is the
    candidate.
    """

    def put(text: str) -> str:
        return text.replace(SIDE, side)

    return replace(
        target,
        command=None if target.command is None else put(target.command),
        setup=None if target.setup is None else put(target.setup),
        environment={name: put(value) for name, value in target.environment.items()},
    )


def words(command: str) -> list[str]:
    """Split a command as a shell would, without being one.

    Raises:
        TargetError: It needs a shell, its quotes do not match, or there is nothing to run.
    """
    if operator := _OPERATOR.search(_QUOTED.sub("", command)):
        raise TargetError(
            f"the command uses {operator.group()!r}, which only a shell understands: {command}",
            f"write {shlex.join(['sh', '-c', command])}, or quote it if it is meant literally",
        )
    try:
        argv = shlex.split(command)
    except ValueError as error:
        hint = "correct the quotes in the target's command"
        raise TargetError(f"the command cannot be read: {error}: {command}", hint) from error
    if not argv:
        raise TargetError("the target's command is empty", "write the command, or leave it out")
    if _ASSIGNMENT.fullmatch(argv[0]):
        raise TargetError(
            f"the command starts with {argv[0]!r}, which only a shell understands: {command}",
            "put variables under target.environment",
        )
    return argv


def absolute(url: str, place: str) -> str:
    """A path appended to a base URL; a whole URL stays as it is."""
    if place.startswith(("http://", "https://")):
        return place
    return f"{url}/{place.removeprefix('/')}"


def address(url: str) -> tuple[str, int]:
    """Host and port of a URL.

    Raises:
        TargetError: It has none.
    """
    try:
        parts = urlsplit(url)
        port = parts.port or _DEFAULT_PORTS[parts.scheme]
    except (ValueError, KeyError) as error:
        raise TargetError(f"{url} is no HTTP url", "write it like http://127.0.0.1:8000") from error
    return parts.hostname or "", port


def instance(url: str) -> str:
    """Host and port as Prometheus writes them in its `instance` label."""
    host, port = address(url)
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
