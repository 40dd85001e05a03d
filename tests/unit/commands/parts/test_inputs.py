"""From options to the pool of workers of other machines."""

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.budgets.model import Load, Scenario
from harness.budgets.workload import OpenWorkload, Stage
from harness.commands.parts.inputs import require_python, worker_pool_of
from harness.errors import UsageError
from harness.load.protocol.master import WorkerPool
from harness.load.worker_secret import SECRET

HEX = "0123456789abcdef" * 2
LOAD = Load(Path("a.py"), OpenWorkload((Stage(1, 1),), max_users=1))
SCENARIO = Scenario("smoke", (LOAD,), 0.0, 1.0, 1.0)


def options(**more: Any) -> argparse.Namespace:
    names = ("workers", "expect_workers", "bind", "run_id", "on_worker_loss", "worker_secret_file")
    return argparse.Namespace(**{name: more.get(name) for name in names})


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(SECRET, raising=False)


def test_no_pool_without_workers_of_other_machines() -> None:
    with worker_pool_of(SCENARIO, options(workers=3)) as pool:
        assert pool is None


def test_default_is_loopback_with_a_secret_that_is_made_for_the_run() -> None:
    with worker_pool_of(SCENARIO, options(expect_workers=2)) as pool:
        assert pool is not None
        assert (pool.host, pool.port, pool.workers, pool.when_lost) == (
            "127.0.0.1",
            5557,
            2,
            "stop",
        )
        assert Path(pool.secret_file).read_text().strip() == pool.secret
        assert pool.secret not in repr(pool)
    assert not Path(pool.secret_file).exists()


@pytest.mark.parametrize("host", ["0.0.0.0", "10.0.0.5", "master.internal"])
def test_other_address_without_a_secret_is_refused_with_how_to_make_one(host: str) -> None:
    with (
        pytest.raises(UsageError, match=f"other machines can connect to {host}") as refusal,
        worker_pool_of(SCENARIO, options(expect_workers=2, bind=(host, 5557))),
    ):
        pass
    assert "openssl rand -hex 32 > worker.secret" in refusal.value.hint
    assert "--worker-secret-file worker.secret" in refusal.value.hint


def test_secret_of_a_file_is_used_and_its_path_is_shown_to_workers(tmp_path: Path) -> None:
    path = tmp_path / "worker.secret"
    path.touch(0o600)
    path.write_text(f"{HEX}\n")
    given = options(expect_workers=2, bind=("0.0.0.0", 6000), run_id="r1", worker_secret_file=path)
    with worker_pool_of(SCENARIO, given) as pool:
        assert pool == WorkerPool("0.0.0.0", 6000, 2, "r1", HEX, str(path))
    assert path.exists()


def test_secret_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SECRET, HEX)
    with worker_pool_of(SCENARIO, options(expect_workers=2, bind=("0.0.0.0", 6000))) as pool:
        assert pool is not None
        assert (pool.secret, pool.secret_file) == (HEX, "")


@pytest.mark.parametrize("name", ["bind", "run_id", "on_worker_loss", "worker_secret_file"])
def test_option_of_other_machines_without_their_number_is_refused(name: str) -> None:
    with (
        pytest.raises(UsageError, match=f"--{name.replace('_', '-')} needs workers"),
        worker_pool_of(SCENARIO, options(**{name: "a"})),
    ):
        pass


def test_locustfile_that_cannot_be_read_is_refused_with_what_to_do(tmp_path: Path) -> None:
    folder = replace(SCENARIO, loads=(replace(LOAD, locustfile=tmp_path),))
    with pytest.raises(UsageError, match="Is a directory") as caught:
        require_python(folder)
    assert caught.value.hint == "make it readable, or correct `locustfile` of the scenario"
