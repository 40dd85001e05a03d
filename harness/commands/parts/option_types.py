"""Types of option values: functions from text to value, for argparse."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable
from urllib.parse import urlsplit

from harness.budgets.limits import MOST_USERS, MOST_WORKERS, Limits
from harness.load.protocol.master import MASTER_PORT
from harness.units import parse


def url(text: str) -> str:
    """The URL of a server, without a slash at its end."""
    try:
        parts = urlsplit(text)
        usable = parts.scheme in {"http", "https"} and _is_host(parts.hostname or "")
        usable = usable and parts.port != 0
    except ValueError:  # a port that is no number, or too large
        usable = False
    if not usable:
        raise argparse.ArgumentTypeError(f"{text!r} is not a URL; write http://host:port")
    return text.rstrip("/")


def _is_host(text: str) -> bool:
    """Whether it can be looked up: `$NAME.example.org` cannot where the variable is empty."""
    try:
        return bool(text.encode("idna"))
    except UnicodeError:  # an empty label, or one of more than 63 characters
        return False


def service_url(text: str) -> str:
    """The URL of a service, as it was given: a locustfile may rely on a slash at its end."""
    url(text)
    return text


def variable(text: str) -> tuple[str, str]:
    """NAME=VALUE."""
    name, equals, value = text.partition("=")
    if not equals or not re.fullmatch(r"[A-Za-z_]\w*", name):
        raise argparse.ArgumentTypeError(f"{text!r} is not a variable; write NAME=VALUE")
    return name, value


def count(text: str, most: int = MOST_USERS) -> int:
    """A whole number above zero, not above a limit."""
    if not re.fullmatch("[0-9]{1,400}", text) or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above zero")
    if int(text) > most:
        raise argparse.ArgumentTypeError(f"{text!r} must be at most {most}")
    return int(text)


def or_auto(read: Callable[[str], float]) -> Callable[[str], float | str]:
    """A type for `auto` or a value of another type."""
    return lambda text: text if text == "auto" else read(text)


def worker_count(text: str) -> int:
    """A number of Locust processes."""
    return count(text, MOST_WORKERS)


def workers(text: str) -> int | str:
    """A number of Locust processes, or auto."""
    return text if text == "auto" else worker_count(text)


def address(text: str) -> tuple[str, int]:
    """ADDRESS or ADDRESS:PORT."""
    host, colon, port = text.partition(":")
    if not _is_host(host) or (colon and not (port.isdecimal() and 0 < int(port) < 2**16)):
        raise argparse.ArgumentTypeError(
            f"{text!r} is not an address; write an IPv4 address or a name, optionally with a port:"
            f" 10.0.0.5:{MASTER_PORT}"
        )
    return host, int(port or MASTER_PORT)


def run_id(text: str) -> str:
    """An id of a run, with which its workers connect."""
    # It is passed on in an environment variable of a shell command.
    if not re.fullmatch(r"[A-Za-z0-9._-]{1,64}", text):
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a run id; use up to 64 letters, digits, '.', '_' and '-'"
        )
    return text


def quantity(limits: Limits) -> Callable[[str], float]:
    """A type for quantities above zero, within limits."""

    def read(text: str) -> float:
        try:
            value = parse(text, limits.unit)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from error
        if value <= 0:
            raise argparse.ArgumentTypeError(f"{text!r} is not above zero")
        if problem := limits.problem(value):
            raise argparse.ArgumentTypeError(f"{text!r} {problem}")
        return value

    return read


def server(text: str) -> str:
    """The URL of a Prometheus server; a password in it is refused."""
    if "@" in text.partition("//")[2].partition("/")[0]:
        raise argparse.ArgumentTypeError(
            "leave name and password out of the URL; use --prometheus-token-file or"
            " --prometheus-header"
        )
    if not text.startswith(("http://", "https://")):
        raise argparse.ArgumentTypeError(f"{text!r} is not a URL; write http://host:9090")
    return text.rstrip("/")


def matcher(text: str) -> tuple[str, str]:
    """LABEL=VALUE."""
    name, equals, value = text.partition("=")
    if not equals or not re.fullmatch(r"[a-zA-Z_][a-zA-Z0-9_]*", name):
        raise argparse.ArgumentTypeError(f"{text!r} is not a label; write LABEL=VALUE")
    return name, value


def header(text: str) -> tuple[str, str]:
    """An HTTP header, NAME: VALUE."""
    name, colon, value = text.partition(":")
    if not colon or not re.fullmatch(r"[A-Za-z0-9-]+", name) or not value.strip().isprintable():
        # The text may be a secret.
        raise argparse.ArgumentTypeError("not an HTTP header; write 'NAME: VALUE'")
    return name, value.strip()


def listen_address(text: str) -> tuple[str, int]:
    """[ADDRESS:]PORT to listen on; the address is 127.0.0.1 unless given."""
    host, colon, port = text.rpartition(":")
    if (colon and not _is_host(host)) or not (port.isdecimal() and 0 < int(port) < 2**16):
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a port to listen on; write 9646, or 0.0.0.0:9646 for other machines"
        )
    return host.strip("[]") or "127.0.0.1", int(port)
