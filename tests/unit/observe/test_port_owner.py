"""A metrics address of another process, where the system shows its owner and where it does not."""

import socket
import subprocess
import sys
from collections.abc import Iterator

import psutil
import pytest

from harness.errors import TargetError
from harness.observe.port_owner import refuse_foreign_metrics


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
