"""Who listens at an address, where the system shows the owner and where it does not."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from types import SimpleNamespace

import psutil
import pytest

from harness.errors import TargetError
from harness.observe.port_owner import listened_instead, listeners, refuse_foreign_metrics
from tests.servers import closed_port


@pytest.fixture
def foreign() -> Iterator[tuple[str, int]]:
    """A metrics address at which this process listens, and the pid of a younger service."""
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as service,
    ):
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/metrics", service.pid
        service.communicate(b"\n")


def test_address_of_an_older_process_is_refused(foreign: tuple[str, int]) -> None:
    url, service = foreign
    with pytest.raises(TargetError, match=r"belongs to another process, .*, which ran before"):
        refuse_foreign_metrics([url], service)


def test_address_is_accepted_where_only_root_sees_the_sockets_of_others(
    foreign: tuple[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(kind: str) -> list[object]:
        raise psutil.AccessDenied

    monkeypatch.setattr(psutil, "net_connections", denied)
    url, service = foreign
    refuse_foreign_metrics([url], service)


# Listens at an address and waits; with "forks", so does a child, as the workers of many servers do.
SERVER = (
    "import os, socket, sys\n"
    "listener = socket.create_server((sys.argv[1], 0))\n"
    "if 'forks' in sys.argv and not os.fork():\n"
    "    sys.stdin.read(); os._exit(0)\n"
    "print(listener.getsockname()[1], flush=True)\n"
    "sys.stdin.read()\n"
)


@pytest.mark.parametrize("habits", [[], ["forks"]], ids=["one process", "a process and a worker"])
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
@pytest.mark.parametrize("bound", ["127.0.0.1", "0.0.0.0"])
def test_listener_is_the_first_process_of_a_service(
    bound: str, host: str, habits: list[str]
) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", SERVER, bound, *habits],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as service:
        assert service.stdout is not None
        port = int(service.stdout.readline())
        assert listeners(f"http://{host}:{port}/api") == (service.pid,)


def test_port_without_a_listener_has_none() -> None:
    with closed_port() as port:
        assert listeners(f"http://127.0.0.1:{port}") == ()


@pytest.mark.parametrize(
    "host", ["192.0.2.1", "[2001:db8::1]", "no-such-host.invalid"], ids=["IPv4", "IPv6", "unknown"]
)
def test_another_machine_has_no_listeners(host: str) -> None:
    assert listeners(f"http://{host}:80") is None


def listening(ip: str, pid: int | None = os.getpid(), status: str = "LISTEN") -> SimpleNamespace:
    return SimpleNamespace(laddr=SimpleNamespace(ip=ip, port=8000), pid=pid, status=status)


@pytest.mark.parametrize(
    ("connection", "found"),
    [
        (listening("127.0.0.1"), True),
        (listening("::ffff:127.0.0.1"), True),
        (listening("::"), True),
        (listening("192.0.2.7"), False),
        (listening("127.0.0.1", status="ESTABLISHED"), False),
        (listening("127.0.0.1", pid=None), False),
    ],
    ids=["its address", "mapped", "all addresses", "another address", "a client", "another user's"],
)
def test_listener_is_told_by_its_address(
    connection: SimpleNamespace, found: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(psutil, "net_connections", lambda _: [connection])
    assert listeners("http://127.0.0.1:8000") == ((os.getpid(),) if found else ())


def test_forwarder_of_a_container_is_not_the_service(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(psutil, "net_connections", lambda _: [listening("127.0.0.1")])
    monkeypatch.setattr(psutil.Process, "name", lambda _: "docker-proxy")
    assert listeners("http://127.0.0.1:8000") == ()


def test_listeners_are_unknown_where_only_root_sees_sockets(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def denied(kind: str) -> list[object]:
        raise psutil.AccessDenied

    monkeypatch.setattr(psutil, "net_connections", denied)
    assert listeners("http://127.0.0.1:8000") == ()


@pytest.mark.parametrize("habits", [[], ["forks"]], ids=["one process", "a process and a worker"])
def test_service_that_listens_elsewhere(habits: list[str]) -> None:
    code = [sys.executable, "-c", SERVER, "127.0.0.1", *habits]
    with subprocess.Popen(
        code, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as service:
        assert service.stdout is not None
        port = int(service.stdout.readline())
        here = f"it listens at 127.0.0.1 port {port} instead of"
        assert listened_instead(f"http://localhost:{port}", service.pid) == ""
        assert listened_instead(f"http://[::1]:{port}", service.pid) == f"{here} ::1 port {port}"
        assert listened_instead("http://127.0.0.1:9", service.pid) == f"{here} 127.0.0.1 port 9"
        service.communicate("")
    assert listened_instead("http://127.0.0.1:9", service.pid) == ""


def test_service_that_listens_nowhere(foreign: tuple[str, int]) -> None:
    url, service = foreign
    assert listened_instead(url, service) == ""
