"""Which processes of this machine listen at an address."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from contextlib import suppress
from ipaddress import ip_address
from itertools import takewhile
from typing import TYPE_CHECKING, Final

import psutil

from harness.errors import TargetError
from harness.observe.command import address

if TYPE_CHECKING:
    from psutil._ntuples import pconn, sconn

_LOCAL: Final = frozenset({"127.0.0.1", "localhost", "::1"})
_EVERY: Final = frozenset({"0.0.0.0", "::"})  # noqa: S104 - compared with, not bound to
_LISTENED: Final = _LOCAL | _EVERY
# They pass on what comes to the port of a container; the service is another process.
_FORWARDERS: Final = frozenset({"docker-proxy", "rootlessport"})


def listeners(url: str) -> tuple[int, ...] | None:
    """The processes of this machine that listen at a URL, without their children.

    Returns:
        Process ids, ascending; empty when none can be seen, such as one of another user or in a
        container. None when the URL is of another machine.
    """
    host, port = address(url)
    here = _here(host)
    if not here:
        return None
    reached = here | _EVERY
    try:
        found = {
            _outermost(psutil.Process(connection.pid), port, reached)
            for connection in psutil.net_connections("tcp")
            if _port(connection, reached) == port and connection.pid is not None
        }
        return tuple(sorted(one.pid for one in found if one.name() not in _FORWARDERS))
    except psutil.Error:
        return ()


def _outermost(process: psutil.Process, port: int, addresses: frozenset[str]) -> psutil.Process:
    """The first of the processes that share a listening socket, which started the others.

    psutil names any one of them.
    """
    listening = takewhile(lambda one: port in _ports(one, addresses), process.parents())
    return [process, *listening][-1]


def listened_instead(url: str, pid: int) -> str:
    """A sentence on where a command listens that does not listen at the port of its URL.

    Args:
        url: Where the service is expected.
        pid: Process id of the command.

    Returns:
        An empty text when it listens there or nowhere, and when that cannot be seen.
    """
    with suppress(psutil.Error):
        host, port = address(url)
        root = psutil.Process(pid)
        listening = [
            one
            for process in (root, *root.children(recursive=True))
            for one in process.net_connections("tcp")
            if one.status == psutil.CONN_LISTEN and one.laddr
        ]
        reached = _here(host) | _EVERY
        if listening and port not in {_port(one, reached) for one in listening}:
            at = sorted({(one.laddr.port, one.laddr.ip) for one in listening})
            places = ", ".join(f"{ip} port {own}" for own, ip in at)
            return f"it listens at {places} instead of {host} port {port}"
    return ""


def unseen(url: str) -> str:
    """A notice that no process can be seen that listens at a URL of this machine."""
    return (
        f"the process that listens at {url} cannot be seen (it may belong to another user or run in"
        " a container), so the run has no guard cpu-contention: a breach of a time may be due to"
        " other work on this machine"
    )


def _here(host: str) -> frozenset[str]:
    """The addresses of a host that are addresses of this machine."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError:
        return frozenset()
    interfaces = psutil.net_if_addrs().values()
    own = {one.address.partition("%")[0] for addresses in interfaces for one in addresses}
    named = {str(place[0]).partition("%")[0] for *_, place in found}
    return frozenset(one for one in named if one in own | _EVERY or ip_address(one).is_loopback)


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
            for own in _ports(process, _LISTENED):
                ports.pop(own, None)
        if not ports:  # usually: the other processes of the machine need not be looked at
            return
        for connection in psutil.net_connections("tcp"):
            port = _port(connection, _LISTENED)
            if port not in ports or connection.pid is None:
                continue
            with suppress(psutil.Error):
                owner = psutil.Process(connection.pid)
                if owner not in tree and owner.create_time() < root.create_time():
                    raise _foreign(ports[port], port, owner)


def _ports(process: psutil.Process, addresses: frozenset[str]) -> set[int]:
    """The ports at which a process listens, at some of these addresses."""
    with suppress(psutil.Error):
        return {_port(one, addresses) for one in process.net_connections("tcp")} - {0}
    return set()


def _port(connection: pconn | sconn, addresses: frozenset[str]) -> int:
    """The port at which a socket listens, at one of these addresses; 0 for another socket."""
    if connection.status != psutil.CONN_LISTEN or not connection.laddr:
        return 0
    here = connection.laddr.ip.removeprefix("::ffff:") in addresses
    return connection.laddr.port if here else 0


def _foreign(url: str, port: int, owner: psutil.Process) -> TargetError:
    return TargetError(
        f"{url} belongs to another process, {owner.name()} ({owner.pid}), which ran before the "
        "service was started",
        f"stop it if it is an old start of the service, or write {{port2}} in place of {port} here "
        "and in the command; if the process is to be scraped as well, move the address to "
        "`target.exporters`",
    )
