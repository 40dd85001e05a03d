"""The options of the command line that are about Prometheus."""

from __future__ import annotations

import argparse
import re
from pathlib import Path


def serve_option(parser: argparse.ArgumentParser) -> None:
    """Where a run is served."""
    parser.add_argument(
        "--serve-metrics",
        type=_listened,
        metavar="[ADDRESS:]PORT",
        help="serve what is measured to Prometheus during the run (ADDRESS: 127.0.0.1)",
    )


def prometheus_options(parser: argparse.ArgumentParser) -> None:
    """Those about a server that is asked."""
    group = parser.add_argument_group("a Prometheus server that measures what the service does")
    group.add_argument("--prometheus", type=_server, metavar="URL", help="e.g. http://host:9090")
    group.add_argument(
        "--prometheus-match",
        type=_matcher,
        action="append",
        default=[],
        metavar="LABEL=VALUE",
        help="that each series of the service has, e.g. job=shop; may be repeated",
    )
    group.add_argument(
        "--prometheus-token-file", type=Path, metavar="FILE", help="the bearer token is in it"
    )
    group.add_argument(
        "--prometheus-header",
        type=_header,
        action="append",
        default=[],
        metavar="'NAME: VALUE'",
        help="sent with each query, e.g. 'X-Scope-OrgID: team'; may be repeated",
    )
    for name, what in (
        ("ca", "certificates that it is trusted by (default: those of this machine)"),
        ("cert", "our certificate, where it asks for one"),
        ("key", "its key, where that is not in the same file"),
    ):
        group.add_argument(f"--prometheus-{name}", type=Path, metavar="PEM", help=what)


def _server(text: str) -> str:
    if "@" in text.partition("//")[2].partition("/")[0]:
        raise argparse.ArgumentTypeError(
            "leave name and password out of the URL; use --prometheus-token-file or"
            " --prometheus-header"
        )
    if not text.startswith(("http://", "https://")):
        raise argparse.ArgumentTypeError(f"{text!r} is no URL; write http://host:9090")
    return text.rstrip("/")


def _matcher(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not re.fullmatch(r"[a-zA-Z_][a-zA-Z0-9_]*", name):
        raise argparse.ArgumentTypeError(f"{text!r} names no label; write LABEL=VALUE")
    return name, value


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon or not re.fullmatch(r"[A-Za-z0-9-]+", name) or not value.strip().isprintable():
        # What was written may be a secret.
        raise argparse.ArgumentTypeError("that is no header; write 'NAME: VALUE'")
    return name, value.strip()


def _listened(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    if (colon and not host) or not (port.isdecimal() and 0 < int(port) < 2**16):
        raise argparse.ArgumentTypeError(
            f"{text!r} is no port to listen on; write 9646, or 0.0.0.0:9646 for other machines"
        )
    return host.strip("[]") or "127.0.0.1", int(port)
