"""The command and the URLs of a target: placeholders, words of the command, parts of URLs."""

from __future__ import annotations

import re
import shlex
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Final, Literal
from urllib.parse import urlsplit

from harness.budgets.model import Target
from harness.errors import TargetError

PLACE: Final = "{port}"
FURTHER: Final = re.compile(r"\{port([2-9])\}")
SIDE: Final = "{side}"

_QUOTED = re.compile(r"""\\.|'[^']*'|"(?:[^"\\]|\\.)*\"""", re.DOTALL)
_OPERATOR = re.compile(r"&&|\|\||[|;<>&`]|\$\(")
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=.*", re.DOTALL)
_DEFAULT_PORTS = {"http": 80, "https": 443}


def on_port(target: Target, port: int, further: Mapping[str, int] | None = None) -> Target:
    """The target with `{port}` replaced in all its texts.

    Args:
        target: The target.
        port: Replaces `{port}`.
        further: Replace `{port2}`, `{port3}`, by their numbers; without them they stay.
    """
    ports = {f"{{port{number}}}": str(other) for number, other in (further or {}).items()}
    ports[PLACE] = str(port)

    def fill(text: str) -> str:
        for place, number in ports.items():
            text = text.replace(place, number)
        return text

    return replace(
        target,
        url=fill(target.url),
        command=None if target.command is None else fill(target.command),
        ready=None if target.ready is None else fill(target.ready),
        metrics=tuple(map(fill, target.metrics)),
        exporters=tuple(map(fill, target.exporters)),
        environment={name: fill(value) for name, value in target.environment.items()},
    )


def further_ports(target: Target) -> list[str]:
    """The numbers of `{port2}`, `{port3}` and so on in the target, in order."""
    texts = (target.command or "", *target.environment.values(), *target.metrics)
    return sorted({number for text in texts for number in FURTHER.findall(text)})


def running_metrics(target: Target, url: str) -> tuple[str, ...]:
    """The metrics addresses of a service that already runs at a URL.

    Raises:
        TargetError: One has a port that only a command gets, or the URL is not an HTTP URL.
    """
    here = on_port(target, address(url)[1])
    addresses = (*here.metrics, *here.exporters)
    if places := [place for path in addresses for place in FURTHER.findall(path)]:
        raise TargetError(
            f"the port {{port{places[0]}}} of the metrics is unknown: the harness chooses it only "
            "for a command that it starts",
            "give the address of the running service's metrics with --metrics (in compare, with "
            "--baseline-metrics and --candidate-metrics)",
        )
    return tuple(absolute(url, path) for path in addresses)


def on_side(target: Target, side: Literal["baseline", "candidate"]) -> Target:
    """The target with `{side}` replaced in its command, its setup and values of its environment.

    Each version of a comparison can so have its own database. Outside of a comparison, the service
    is the candidate.
    """

    def fill(text: str) -> str:
        return text.replace(SIDE, side)

    return replace(
        target,
        command=None if target.command is None else fill(target.command),
        setup=None if target.setup is None else fill(target.setup),
        environment={name: fill(value) for name, value in target.environment.items()},
    )


def split_command(command: str) -> list[str]:
    """Split a command into words by the quoting rules of a shell.

    Raises:
        TargetError: The command needs a shell, is empty, or its quotes do not match.
    """
    if operator := _OPERATOR.search(_QUOTED.sub("", command)):
        raise TargetError(
            f"the command uses {operator.group()!r}, which only a shell understands: {command}",
            f"write {shlex.join(['sh', '-c', command])}, or quote a literal {operator.group()!r}",
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
            f"write `env {command}`, or put variables under target.environment",
        )
    return argv


def absolute(url: str, path: str) -> str:
    """A path appended to a base URL; an absolute URL is returned unchanged."""
    if path.startswith(("http://", "https://")):
        return path
    return f"{url.rstrip('/')}/{path.removeprefix('/')}"


def address(url: str) -> tuple[str, int]:
    """Host and port of a URL.

    Raises:
        TargetError: It is not an HTTP URL.
    """
    try:
        parts = urlsplit(url)
        port = parts.port or _DEFAULT_PORTS[parts.scheme]
        host = parts.hostname or ""
        host.encode("idna")  # as each look-up does: an empty label is a ValueError
    except (ValueError, KeyError) as error:
        raise TargetError(
            f"{url} is not an HTTP URL", "write it like http://127.0.0.1:8000"
        ) from error
    return host, port


def instance(url: str) -> str:
    """Host and port in the form of Prometheus's `instance` label."""
    host, port = address(url)
    return joined(host, port)


def instances(urls: Iterable[str]) -> dict[str, str]:
    """An instance label for each URL: host and port, with the path where two would be equal."""
    labels = {url: instance(url) for url in urls}
    counts = Counter(labels.values())
    return {
        url: label if counts[label] == 1 else label + urlsplit(url).path
        for url, label in labels.items()
    }


def joined(host: str, port: int) -> str:
    """A host and a port as a URL has them."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
