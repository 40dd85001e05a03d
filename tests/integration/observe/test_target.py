import asyncio
import os
import re
import shlex
import socket
import sys
from pathlib import Path

import psutil
import pytest

from harness.budgets.model import Target
from harness.errors import TargetError
from harness.observe.target import serve
from tests.integration.observe.conftest import Endpoint, Reply
from tests.integration.observe.readiness import ends_after, ends_once
from tests.servers import free_port

SERVICE = Path(__file__).with_name("service.py")
URL = "http://127.0.0.1:{port}"


def command(*habits: str) -> str:
    return shlex.join([sys.executable, str(SERVICE), "PORT", *habits]).replace("PORT", "{port}")


def pids(log: Path) -> list[int]:
    return [int(pid) for pid in re.findall(r"^pid (\d+)", log.read_text(), re.MULTILINE)]


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "target.log"


async def test_serve_starts_waits_until_ready_and_stops(tmp_path: Path, log: Path) -> None:
    target = Target(
        url=URL + "/",
        command=command("slow-start"),
        ready="/ready",
        metrics=("/metrics", "http://127.0.0.1:{port}/other"),
        environment={"GREETING": "on-{port}"},
        directory=tmp_path,
    )

    async with serve(target, log) as service:
        base = service.url.removesuffix("/")
        port = base.rpartition(":")[2]
        assert service.url == f"http://127.0.0.1:{port}/"
        assert service.metrics == (f"{base}/metrics", f"{base}/other")
        assert service.started_by_us
        assert service.pid in pids(log)
        assert psutil.Process(service.pid).is_running()
        assert not service.died.done()

    assert service.died.result() == -15
    assert not psutil.pid_exists(service.pid)
    assert log.read_text().split() == ["pid", str(service.pid), f"on-{port}", str(tmp_path)]


async def test_serve_without_ready_waits_for_the_port(tmp_path: Path, log: Path) -> None:
    target = Target(url=URL, command=command("never-ready"), directory=tmp_path)

    async with serve(target, log) as service:
        _, writer = await asyncio.open_connection("127.0.0.1", int(service.url.split(":")[2]))
        writer.close()
        await writer.wait_closed()


async def test_serve_kills_a_service_that_ignores_term(tmp_path: Path, log: Path) -> None:
    target = Target(url=URL, command=command("deaf"), stop_timeout=0.2, directory=tmp_path)

    async with serve(target, log) as service:
        pass

    assert service.died.result() == -9
    assert service.pid is not None
    assert not psutil.pid_exists(service.pid)


async def test_serve_service_that_dies_later_is_detected(tmp_path: Path, log: Path) -> None:
    target = Target(url=URL, command=command(), directory=tmp_path)

    async with serve(target, log) as service:
        assert service.pid is not None
        psutil.Process(service.pid).kill()
        async with asyncio.timeout(30):
            assert await asyncio.shield(service.died) == -9


async def test_serve_early_exit_shows_code_and_last_lines(tmp_path: Path, log: Path) -> None:
    log.write_text("of another start\n")
    target = Target(url=URL, command=command("chatty", "exits"), directory=tmp_path)

    with pytest.raises(TargetError) as caught:
        async with serve(target, log):
            pass

    first, head, *tail = caught.value.message.split("\n")
    assert first == "the service ended with exit code 1 before it was ready"
    assert head == "Its last output:"
    assert tail == [*(f"    line {n}" for n in range(26, 40)), "    Error: no database"]
    assert str(log) in caught.value.hint


async def test_serve_early_death_by_a_signal_names_it(tmp_path: Path, log: Path) -> None:
    target = Target(url=URL, command=command("killed"), ready="/ready", directory=tmp_path)

    with pytest.raises(TargetError, match="ended with signal SIGKILL before it was ready"):
        async with serve(target, log):
            pass


async def test_serve_never_ready_shows_the_last_response(
    tmp_path: Path, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ends_after(monkeypatch, "answered 503")
    target = Target(
        url=URL,
        command=command("never-ready"),
        ready="/ready",
        ready_timeout=3,
        directory=tmp_path,
    )

    with pytest.raises(TargetError) as caught:
        async with serve(target, log):
            pass

    assert "was not ready within 3 s" in caught.value.message
    assert "/ready answered 503" in caught.value.message
    assert "target.ready_timeout" in caught.value.hint
    [pid] = pids(log)
    assert f"    pid {pid}" in caught.value.message
    assert not psutil.pid_exists(pid)


@pytest.mark.parametrize(
    ("habit", "seen", "problem"),
    [
        ("answers-once", "answered 404", r"3 s: http://\S+/ready answered 404\n"),
        ("hangs", "within 3 s", r"/ready: no complete response within 0\.1 s\n"),
    ],
)
async def test_serve_last_probe_that_is_cut_short_hides_no_answer(
    tmp_path: Path,
    log: Path,
    monkeypatch: pytest.MonkeyPatch,
    habit: str,
    seen: str,
    problem: str,
) -> None:
    ends_after(monkeypatch, seen)
    target = Target(
        url=URL,
        command=command(habit),
        ready="/ready",
        ready_timeout=3,
        directory=tmp_path,
    )

    with pytest.raises(TargetError, match=problem):
        async with serve(target, log):
            pass


async def test_serve_never_listening_is_reported(tmp_path: Path, log: Path) -> None:
    target = Target(url=URL, command="sleep 60", ready_timeout=0.2, directory=tmp_path)

    with pytest.raises(TargetError, match=r"nothing listens at http") as caught:
        async with serve(target, log):
            pass
    assert "written no" not in caught.value.message  # that is not why nothing listens


async def test_serve_names_the_port_at_which_the_service_listens(
    tmp_path: Path, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ends_once(monkeypatch, lambda: "listens" in log.read_text())
    listen = "import socket, time; s = socket.create_server(('127.0.0.1', 0))"
    says = "print('listens', flush=True); time.sleep(60)"
    command = f'{sys.executable} -c "{listen}; {says}"'
    target = Target(url=URL, command=command, ready_timeout=3, directory=tmp_path)

    with pytest.raises(TargetError, match=r"it listens at 127\.0\.0\.1 port \d+ instead of"):
        async with serve(target, log):
            pass


async def test_serve_cancelled_while_waiting_leaves_no_process(tmp_path: Path, log: Path) -> None:
    target = Target(url=URL, command=command("never-ready"), ready="/ready", directory=tmp_path)

    async def use() -> None:
        async with serve(target, log):
            pass

    task = asyncio.create_task(use())
    async with asyncio.timeout(30):
        while not (log.exists() and pids(log)):
            await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert not psutil.pid_exists(pids(log)[0])


async def test_serve_free_port_that_is_taken_is_replaced(tmp_path: Path, log: Path) -> None:
    target = Target(url=URL, command=command("waits-for-rival"), ready="/ready", directory=tmp_path)

    async def steal() -> socket.socket:
        while not (tmp_path / "port").exists():
            await asyncio.sleep(0.01)
        listener = socket.create_server(("127.0.0.1", int((tmp_path / "port").read_text())))
        (tmp_path / "taken").touch()
        return listener

    rival = asyncio.create_task(steal())
    async with asyncio.timeout(60), serve(target, log) as service:
        with await rival as listener:
            assert int(service.url.split(":")[2]) != listener.getsockname()[1]

    assert len(pids(log)) == 2
    assert "Address already in use" in log.read_text()


async def test_serve_fixed_port_that_is_taken_is_refused_before_the_start(
    tmp_path: Path, log: Path, endpoint: Endpoint
) -> None:
    port = endpoint.url.rpartition(":")[2]
    target = Target(url=endpoint.url, command=command().replace("{port}", port), directory=tmp_path)

    with pytest.raises(TargetError, match=f"port {port} is taken") as caught:
        async with serve(target, log):
            pass

    assert "stop the process, or write {port}" in caught.value.hint
    assert "{port}" in caught.value.hint
    assert not log.exists()


async def test_serve_further_ports_are_free_and_the_same_in_all_texts(
    tmp_path: Path, log: Path
) -> None:
    target = Target(
        url=URL,
        command=command(),
        metrics=("/metrics", "http://127.0.0.1:{port2}/metrics", "http://127.0.0.1:{port3}/x"),
        exporters=("http://127.0.0.1:1/exporter",),
        environment={"GREETING": "{port2}-{port3}"},
        directory=tmp_path,
    )

    async with serve(target, log) as service:
        own, second, third, exporter = service.metrics
        assert service.exporters == (exporter,)

    ports = [url.split(":")[2].partition("/")[0] for url in (own, second, third)]
    assert own == f"{service.url}/metrics"
    assert len(set(ports)) == 3
    assert log.read_text().split()[2] == f"{ports[1]}-{ports[2]}"
    assert exporter == "http://127.0.0.1:1/exporter"


async def test_serve_metrics_of_an_older_process_are_refused(
    tmp_path: Path, log: Path, endpoint: Endpoint
) -> None:
    stale = f"{endpoint.url}/metrics"
    target = Target(url=URL, command=command(), metrics=("/metrics", stale), directory=tmp_path)

    with pytest.raises(TargetError) as caught:
        async with serve(target, log):
            pass

    name = psutil.Process().name()
    assert caught.value.message == (
        f"{stale} belongs to another process, {name} ({os.getpid()}), which ran before the "
        "service was started"
    )
    assert f"write {{port2}} in place of {stale.split(':')[2].partition('/')[0]}" in (
        caught.value.hint
    )
    assert not psutil.pid_exists(pids(log)[0])
    beside = Target(
        url=URL, command=command(), metrics=("/metrics",), exporters=(stale,), directory=tmp_path
    )
    async with serve(beside, log) as service:
        assert service.metrics == (f"{service.url}/metrics", stale)


async def test_serve_metrics_port_of_a_child_process_is_accepted(tmp_path: Path, log: Path) -> None:
    target = Target(
        url=URL,
        command=shlex.join(["sh", "-c", f"{command()} & wait"]),
        ready="/ready",
        metrics=("/metrics",),
        directory=tmp_path,
    )
    async with serve(target, log) as service:
        assert service.pid not in pids(log)


async def test_serve_running_service_has_no_port_that_only_a_command_gets(
    tmp_path: Path, log: Path, endpoint: Endpoint
) -> None:
    target = Target(url="", metrics=("http://127.0.0.1:{port2}/metrics",), directory=tmp_path)

    with pytest.raises(TargetError, match=r"the port \{port2\} of the metrics is unknown"):
        async with serve(target, log, endpoint.url):
            pass


async def test_serve_fixed_port_that_is_free_is_used(tmp_path: Path, log: Path) -> None:
    port = str(free_port())
    url = f"http://localhost:{port}"
    target = Target(url=url, command=command().replace("{port}", port), directory=tmp_path)

    async with serve(target, log) as service:
        assert service.url == url


async def test_serve_command_that_does_not_exist_hints_at_installing_it(
    tmp_path: Path, log: Path
) -> None:
    target = Target(url=URL, command="no-such-command --port {port}", directory=tmp_path)

    with pytest.raises(TargetError, match="no-such-command: No such file") as caught:
        async with serve(target, log):
            pass

    assert "install 'no-such-command'" in caught.value.hint


async def test_serve_directory_that_does_not_exist_is_named(tmp_path: Path, log: Path) -> None:
    target = Target(url=URL, command="sleep 1", directory=tmp_path / "absent")

    with pytest.raises(TargetError, match="absent is not a folder"):
        async with serve(target, log):
            pass


@pytest.mark.parametrize("status", [200, 404, 500])
async def test_serve_with_url_accepts_any_response_and_starts_nothing(
    log: Path, endpoint: Endpoint, status: int
) -> None:
    endpoint.reply = Reply(status=status)
    target = Target(
        url=URL, command="no-such-command", metrics=("/metrics", "http://other:{port}/metrics")
    )

    async with serve(target, log, endpoint.url + "/") as service:
        port = endpoint.url.rpartition(":")[2]
        assert service.url == endpoint.url + "/"
        assert service.metrics == (f"{endpoint.url}/metrics", f"http://other:{port}/metrics")
        assert not service.started_by_us
        assert service.pid is None
        assert not service.died.done()
    assert not log.exists()


async def test_serve_without_a_command_uses_the_targets_url(log: Path, endpoint: Endpoint) -> None:
    async with serve(Target(url=endpoint.url), log) as service:
        assert service.url == endpoint.url
        assert not service.started_by_us


async def test_serve_with_url_where_nothing_answers_hints_at_starting_it(
    log: Path,
) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        with pytest.raises(TargetError, match=r"nothing answers at .*connection refused") as caught:
            async with serve(Target(url=URL), log, url):
                pass
    assert "start the service first" in caught.value.hint


async def test_serve_placeholder_for_a_port_without_a_command_is_refused(log: Path) -> None:
    with pytest.raises(TargetError, match="there is no command"):
        async with serve(Target(url=URL), log):
            pass
