"""The metrics of a service's process: read by the harness where the service exposes none."""

import asyncio
import os
import shlex
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from harness import names
from harness.budgets.model import Selector, Target
from harness.judge.measure.series import matching
from harness.observe.host import memory_limit, usable_cpus
from harness.observe.other_cpu import OtherCpuReader
from harness.observe.scraper import Scraper
from harness.observe.target import serve
from harness.runs.metrics import read_metrics
from tests.integration.observe.conftest import Endpoint, Reply
from tests.integration.observe.scraping import Log, patient, service
from tests.servers import PATIENCE
from tests.unit.judge.evidence import evidence

SERVICE = Path(__file__).with_name("service.py")
OWN = {
    names.CPU_SECONDS,
    names.MEMORY_BYTES,
    names.START_TIME,
    names.CPU_COUNT,
    names.MEMORY_LIMIT,
    names.SERVICE_CPU,
}
if Path("/proc/self/schedstat").exists():
    OWN |= {names.SERVICE_CPU_WAIT, names.OTHER_CPU, names.SERVICE_SWITCHES, names.SERVICE_FAULTS}
# Burns as many seconds as each line says.
BURNS = (
    "import sys, time\n"
    "for line in sys.stdin:\n"
    "    end = time.process_time() + float(line)\n"
    "    while time.process_time() < end: pass\n"
    "    print('burnt', flush=True)\n"
)


def target(*habits: str, metrics: tuple[str, ...] = ("/metrics",)) -> Target:
    command = shlex.join([sys.executable, str(SERVICE), "PORT", *habits])
    return Target(
        url="http://127.0.0.1:{port}",
        command=command.replace("PORT", "{port}"),
        ready="/ready",
        metrics=metrics,
    )


@pytest.mark.parametrize(
    ("habits", "metrics"),
    [((), ("/metrics",)), (("no-metrics",), ("/metrics",)), ((), ())],
    ids=["metrics without process metrics", "a 404 for metrics", "no metrics configured"],
)
async def test_own_process_is_read_for_metrics_that_are_not_exposed(
    tmp_path: Path, log: Log, habits: tuple[str, ...], metrics: tuple[str, ...]
) -> None:
    async with serve(target("burns", *habits, metrics=metrics), tmp_path / "log") as service:
        scraper = patient(service, log)
        await scraper.scrape()
        await scraper.scrape()
        assert service.pid is not None
        process = psutil.Process(service.pid)
        place = "instance=" + service.url.removeprefix("http://")
        series = {key[0]: one for key, one in log.series().items() if "provider=psutil" in key}

        assert {key[1:] for key in log.series() if key[0] in OWN} == {(place, "provider=psutil")}
        assert set(series) == OWN
        assert series[names.START_TIME].values[0] == process.create_time()
        assert series[names.MEMORY_BYTES].values[1] == pytest.approx(
            process.memory_info().rss, rel=0.1
        )
        first, second = series[names.CPU_SECONDS].values
        # The four times of procfs are whole ticks of 10 ms.
        assert 0.3 <= first <= second <= sum(process.cpu_times()[:4]) + 0.04
        assert series[names.SERVICE_CPU].values == (first, second)
        for name in OWN - {names.CPU_COUNT, names.MEMORY_LIMIT, names.MEMORY_BYTES}:
            first, second = series[name].values
            assert 0 <= first <= second
        assert series[names.CPU_COUNT].values[0] == usable_cpus()
        assert series[names.MEMORY_LIMIT].values[0] == memory_limit()


async def test_exposed_process_metrics_are_not_added(endpoint: Endpoint, log: Log) -> None:
    endpoint.reply = Reply("process_cpu_seconds_total 1\nsystem_memory_limit_bytes 5\n")
    scraper = patient(service(endpoint.url, pid=psutil.Process().pid), log)

    await scraper.scrape()
    endpoint.reply = Reply("", 503)
    await scraper.scrape()

    added = {key[0] for key in log.series() if "provider=psutil" in key}
    assert added == OWN - {"process_cpu_seconds_total", "system_memory_limit_bytes"}


async def test_case_2c_own_process_is_read_while_no_endpoint_answers(
    endpoint: Endpoint, log: Log
) -> None:
    answering = threading.Event()

    def reply(_: str) -> Reply:
        answering.wait(PATIENCE)
        return Reply("process_cpu_seconds_total 1\n")

    endpoint.reply = reply
    scraper = Scraper(service(endpoint.url, pid=psutil.Process().pid), log, timeout=0.1)

    await scraper.scrape()
    assert {key[0] for key in log.series()} == {"up", "scrape_duration_seconds", *OWN}

    answering.set()
    while scraper.failures == scraper.scrapes:  # a busy machine may need longer than the time-out
        await scraper.scrape()
    counts = {key[0]: len(s.times) for key, s in log.series().items() if "provider=psutil" in key}
    assert counts == {**dict.fromkeys(OWN, scraper.scrapes), names.CPU_SECONDS: scraper.failures}
    run = evidence(*read_metrics(log.path), ups=())
    (chosen,) = matching(run, Selector(names.CPU_SECONDS))  # the one that the service exposes
    assert chosen.values == (1.0,)


@pytest.mark.parametrize("listeners", [None, ()], ids=["another machine", "cannot be seen"])
async def test_process_of_a_running_service_that_is_unknown_is_not_read(
    listeners: tuple[int, ...] | None, endpoint: Endpoint, log: Log
) -> None:
    await patient(service(endpoint.url, listeners=listeners), log).scrape()

    assert not OWN & {key[0] for key in log.series()}


@pytest.mark.skipif(names.OTHER_CPU not in OWN, reason="only Linux counts it")
async def test_process_of_a_running_service_here_is_read_for_its_waiting_and_for_others(
    log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The CPU time of the service is not that of other processes."""
    monkeypatch.setattr(OtherCpuReader, "read", lambda _, own: own)
    with subprocess.Popen(
        [sys.executable, "-c", BURNS], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as burner:
        assert burner.stdout is not None
        assert burner.stdin is not None
        scraper = patient(service(listeners=(burner.pid,)), log)
        await scraper.scrape()
        burner.stdin.write("0.3\n")
        burner.stdin.flush()
        burner.stdout.readline()
        await scraper.scrape()
        burner.stdin.close()

    assert {key[0] for key in log.series()} == {names.SERVICE_CPU_WAIT, names.OTHER_CPU}
    ((first, second),) = log.values(names.OTHER_CPU)
    assert second >= first + 0.3
    assert not scraper.reads_process


async def test_process_that_has_ended_leaves_a_gap(tmp_path: Path, log: Log) -> None:
    async with serve(target(metrics=()), tmp_path / "log") as service:
        scraper = patient(service, log)
        await scraper.scrape()
        assert service.pid is not None
        psutil.Process(service.pid).kill()
        await asyncio.shield(service.died)
        await scraper.scrape()

    assert log.values(names.CPU_COUNT) == [(usable_cpus(),)]


async def test_process_that_ends_while_it_is_read_has_no_readings(
    log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    with subprocess.Popen([sys.executable, "-c", BURNS], stdin=subprocess.PIPE) as process:

        def ended(pid: int) -> float:
            process.kill()
            process.wait()
            return usable_cpus(pid)

        monkeypatch.setattr("harness.observe.scraper.usable_cpus", ended)
        await patient(service(pid=process.pid), log).scrape()
    assert log.series() == {}


async def test_process_metrics_of_an_exporter_are_not_those_of_the_service(
    new_endpoint: Callable[[], Endpoint], log: Log
) -> None:
    own, exporter = new_endpoint(), new_endpoint()
    own.reply = Reply("requests_total 1\n")
    exporter.reply = Reply(f"pg_up 1\n{names.CPU_SECONDS} 1e9\n")
    scraped = service(own.url, pid=os.getpid(), url=own.url, exporters=(exporter.url,))
    scraper = patient(scraped, log)

    await scraper.scrape()
    await scraper.scrape()

    found = [one for one in read_metrics(log.path) if one.name == names.CPU_SECONDS]
    read = {one.labels.get(names.PROVIDER): one.values for one in found}
    assert len(read[names.PSUTIL]) == 2  # the harness goes on to read the process of the service
    assert max(read[names.PSUTIL]) < 1e9
    assert {sample.name for sample in scraper.samples} == {"requests_total"}
