"""Whether the port of a metrics address belongs to the service that the harness has started."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Final

import psutil

from harness.errors import TargetError
from harness.observe.command import address

if TYPE_CHECKING:
    from psutil._ntuples import pconn, sconn

_LOCAL: Final = frozenset({"127.0.0.1", "localhost", "::1"})
_LISTENED: Final = _LOCAL | {"0.0.0.0", "::"}  # noqa: S104 - compared with, not bound to


def refuse_foreign_metrics(metrics: Sequence[str], pid: int) -> None:
    """Refuse a metrics address of this machine at which another, older process listens.

    Such a process keeps the service from listening there, and its metrics say nothing about the
    service. A younger process is not refused: the service may have started it in a way that hides
    their relation, as Docker does. Nor is one that cannot be seen, such as another user's.

    Args:
        metrics: Absolute URLs.
        pid: Process id of the command of the service.

    Raises:
        TargetError: Names the process.
    """
    ports = {address(url)[1]: url for url in metrics if address(url)[0] in _LOCAL}
    with suppress(psutil.Error):
        root = psutil.Process(pid)
        tree = (root, *root.children(recursive=True))
        for process in tree:
            for own in _ports(process):
                ports.pop(own, None)
        if not ports:  # usually: the other processes of the machine need not be looked at
            return
        for connection in psutil.net_connections("tcp"):
            port = _port(connection)
            if port not in ports or connection.pid is None:
                continue
            with suppress(psutil.Error):
                owner = psutil.Process(connection.pid)
                if owner not in tree and owner.create_time() < root.create_time():
                    raise _foreign(ports[port], port, owner)


def _ports(process: psutil.Process) -> set[int]:
    """The ports of this machine at which a process listens."""
    with suppress(psutil.Error):
        return {_port(connection) for connection in process.net_connections("tcp")} - {0}
    return set()


def _port(connection: pconn | sconn) -> int:
    """The port of this machine at which a socket listens; 0 for another socket."""
    if connection.status != psutil.CONN_LISTEN or not connection.laddr:
        return 0
    return connection.laddr.port if connection.laddr.ip in _LISTENED else 0


def _foreign(url: str, port: int, owner: psutil.Process) -> TargetError:
    return TargetError(
        f"{url} belongs to another process, {owner.name()} ({owner.pid}), which ran before the "
        "service was started",
        f"stop it if it is an old start of the service, or write {{port2}} in place of {port} here "
        "and in the command; if the process is to be scraped as well, move the address to "
        "`target.exporters`",
    )
