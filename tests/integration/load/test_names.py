"""A worker that gets the name of its master, in a mount namespace with names of its own."""

import subprocess
from pathlib import Path

import pytest

from harness.load.generator import generator
from harness.load.protocol.master import WorkerPool
from tests.integration.load.conftest import PATIENCE, Loads
from tests.integration.load.remote_workers import SECRET, RemoteWorkers
from tests.integration.load.test_distributed import FAST, LONG, ignore

pytestmark = pytest.mark.untraced


@pytest.fixture
def with_names(tmp_path: Path) -> tuple[str, ...]:
    """A prefix for commands: they know a name with an IPv6 and an IPv4 address."""
    hosts = tmp_path / "hosts"
    hosts.write_text("127.0.0.1 localhost\n::1 judge.test\n127.0.0.1 judge.test\n")
    script = f'mount --bind {hosts} /etc/hosts && exec "$@"'
    prefix = ("unshare", "--mount", "sh", "-c", script, "sh")
    try:
        subprocess.run([*prefix, "true"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"no mount namespaces here: {error}")
    return prefix


async def test_worker_finds_a_master_whose_name_has_an_ipv6_address_as_well(
    loads: Loads, remote_workers: RemoteWorkers, with_names: tuple[str, ...]
) -> None:
    def start(text: str) -> None:
        if text.startswith("0 of 1"):
            remote_workers.start(text.replace("127.0.0.1", "judge.test"), prefix=with_names)

    pool = WorkerPool("127.0.0.1", 0, 1, "run-9", SECRET, timeout=PATIENCE)
    async with generator(
        loads.scenario(FAST, LONG).loads[0],
        loads.url,
        loads.log,
        ignore,
        pool=pool,
        on_progress=start,
    ) as load:
        (worker,) = load.workers
    assert worker.pid == remote_workers.processes[0].pid
