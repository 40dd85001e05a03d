"""Scrapes while the wall clock is set."""

import psutil
import pytest

from harness import names
from harness.budgets.model import Rate, Selector
from harness.judge.measure.series import Origin, scrapes
from harness.runs.clock import RunClock
from harness.runs.metrics import read_metrics
from harness.units import Unit
from tests.integration.observe.conftest import Endpoint, Reply
from tests.integration.observe.scraping import Log, label, patient, service
from tests.unit.judge.evidence import START, budget, evidence, measure


class Clocks:
    """A monotonic clock and a wall clock that a test moves."""

    def __init__(self) -> None:
        self.monotonic = 0.0
        self.wall = START

    def run_clock(self) -> RunClock:
        return RunClock(lambda: self.monotonic, lambda: self.monotonic + self.wall)


@pytest.mark.parametrize("by", [6.0, -6.0])
async def test_case_3e_step_of_the_wall_clock_moves_no_scrape(
    endpoint: Endpoint, log: Log, by: float
) -> None:
    """Sixty errors in the last six seconds of a minute, and 72% of a CPU throughout."""
    clocks = Clocks()
    clock = clocks.run_clock()
    scraper = patient(service(endpoint.url), log, clock=clock)
    for second in range(62):
        clocks.monotonic = float(second)
        clocks.wall = START + (by if second >= 54 else 0.0)
        errors = 10 * max(0, min(second, 60) - 54)
        endpoint.reply = Reply(f"e_total {errors}\nprocess_cpu_seconds_total {0.72 * second}\n")
        await scraper.scrape()

    run = evidence(*read_metrics(log.path), ups=(), window=(START, START + 60), scrape_interval=1.0)
    assert scrapes(run, Origin(label(endpoint).removeprefix("instance="), "")) == tuple(
        START + second for second in range(62)
    )
    errors_per_second = budget(Rate(Selector("e_total")), 0.1, unit=Unit.PER_SECOND)
    cpu = budget(Rate(Selector(names.CPU_SECONDS)), 0.7, unit=Unit.RATIO)
    assert measure(errors_per_second, run).value == pytest.approx(1.0, rel=1e-12)
    assert measure(cpu, run).value == pytest.approx(0.72, rel=1e-9)
    assert clock.step == by


async def test_case_3e_two_scrapes_never_have_one_time(endpoint: Endpoint, log: Log) -> None:
    endpoint.reply = Reply("a 1\n")
    scraper = patient(
        service(endpoint.url, pid=psutil.Process().pid), log, clock=Clocks().run_clock()
    )

    await scraper.scrape()
    endpoint.reply = Reply("a 2\n")
    await scraper.scrape()

    for one in (log.series()["a", label(endpoint)], *read_metrics(log.path, {names.CPU_COUNT})):
        assert one.times == (START, START + 0.001)
    assert not read_metrics(log.path, {names.CONTRADICTING})
