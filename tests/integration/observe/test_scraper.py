"""Scrapes of metrics endpoints: times, failures, and the ticks of the clock."""

import asyncio
import gzip
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from harness.budgets.dialects.model import RoleGroup
from harness.budgets.dialects.recognise import recognise_target
from harness.observe.metric_families import families_of
from harness.observe.scraper import Scraper, ticks
from harness.runs.clock import RunClock
from harness.runs.metrics import read_metrics
from tests.integration.observe.conftest import Endpoint, Reply
from tests.integration.observe.scraping import Log, label, patient, service
from tests.servers import PATIENCE

EXPOSITIONS = Path(__file__).parents[2] / "expositions"


async def test_library_whose_metrics_vanish_still_makes_the_roles_ambiguous(
    endpoint: Endpoint, log: Log
) -> None:
    one, other = (
        (EXPOSITIONS / f"{name}.prom").read_text()
        for name in ("opentelemetry", "opentelemetry-python")
    )
    scraper = patient(service(endpoint.url), log)
    for text in (one + other, one):
        endpoint.reply = Reply(text)
        await scraper.scrape()
        found = recognise_target(families_of(scraper.samples), None)
        assert RoleGroup.HTTP in found.ambiguous


async def test_counter_that_vanishes_before_it_is_born_is_still_a_family(
    endpoint: Endpoint, log: Log
) -> None:
    scraper = patient(service(endpoint.url), log)
    for text in ('# TYPE a_total counter\n# TYPE b_total counter\nb_total{metric="x"} 1\n', ""):
        endpoint.reply = Reply(text or "c 1\n")
        await scraper.scrape()
    found = families_of(scraper.samples)
    assert {"a_total", "b_total", "c"} <= {*found, *(f"{name}_total" for name in found)}


async def test_scrape_stamps_samples_with_the_middle_of_the_request(
    endpoint: Endpoint, log: Log
) -> None:
    endpoint.reply = Reply('# TYPE hits counter\nhits_total{x="1"} 3\n', delay=0.2)
    scraper = patient(service(endpoint.url), log)

    before = time.time()
    await scraper.scrape()
    after = time.time()

    series = log.series()
    hits = series["hits_total", label(endpoint), "x=1"]
    up = series["up", label(endpoint)]
    [seconds] = series["scrape_duration_seconds", label(endpoint)].values
    assert hits.values == (3,)
    assert up.values == (1,)
    assert hits.times == up.times
    assert 0.2 <= seconds <= after - before
    assert before + 0.099 <= hits.times[0] <= after - 0.099
    assert (scraper.scrapes, scraper.failures, scraper.last_error) == (1, 0, "")


async def test_scrape_with_a_time_stamps_everything_with_it(endpoint: Endpoint, log: Log) -> None:
    endpoint.reply = Reply("a 1\n")

    await patient(service(endpoint.url, pid=psutil.Process().pid), log).scrape(1_790_000_000.25)

    assert {one.times for one in log.series().values()} == {(1_790_000_000.25,)}


async def test_scrape_requests_the_text_format_and_decompresses_gzip(
    endpoint: Endpoint, log: Log
) -> None:
    endpoint.reply = Reply(gzip.compress(b"a 1\n"), headers={"Content-Encoding": "gzip"})

    await patient(service(endpoint.url + "/metrics"), log).scrape()

    [(path, headers)] = endpoint.requests
    assert path == "/metrics"
    assert headers["Accept"].startswith("text/plain;version=0.0.4,")
    assert log.values("a") == [(1,)]


async def test_scrape_follows_a_mounted_metrics_app(endpoint: Endpoint, log: Log) -> None:
    def reply(path: str) -> Reply:
        mounted = path == "/metrics/"
        return Reply("a 1\n") if mounted else Reply("", 307, {"Location": "/metrics/"})

    endpoint.reply = reply

    await patient(service(endpoint.url + "/metrics"), log).scrape()

    assert log.values("a") == [(1,)]
    assert log.values("up") == [(1,)]


async def test_scrape_of_several_endpoints_labels_their_samples(
    new_endpoint: Callable[[], Endpoint], log: Log
) -> None:
    one, two = new_endpoint(), new_endpoint()
    one.reply, two.reply = Reply("a 1\n"), Reply("a 2\n")
    path = "/second"

    await patient(service(one.url, two.url + "/first", two.url + path), log).scrape()

    assert {key: one.values for key, one in log.series().items() if key[0] == "a"} == {
        ("a", label(one)): (1,),
        ("a", label(two) + "/first"): (2,),
        ("a", label(two) + "/second"): (2,),
    }


FAILING: dict[str, tuple[Reply, str]] = {
    "no such path": (Reply("", 404), "answered 404"),
    "an error of the service": (Reply("oops", 500), "answered 500"),
    "a web page": (Reply("<html></html>"), "line 1 is not a sample: '<html></html>'"),
    "bytes that are no text": (Reply(b"a 1\n\xff\n"), "is not text in UTF-8"),
    "half an answer": (Reply("a 1\nb", headers={"Content-Length": "99"}), "5 of 99 bytes"),
}


@pytest.mark.parametrize(("reply", "why"), FAILING.values(), ids=FAILING)
async def test_scrape_that_fails_is_down_and_reported_and_the_others_continue(
    new_endpoint: Callable[[], Endpoint], log: Log, reply: Reply, why: str
) -> None:
    good, bad = new_endpoint(), new_endpoint()
    good.reply, bad.reply = Reply("a 1\n"), reply
    scraper = patient(service(bad.url, good.url), log)

    await scraper.scrape()
    bad.reply = Reply("a 2\n")
    await scraper.scrape()

    series = log.series()
    assert series["up", label(bad)].values == (0, 1)
    assert series["up", label(good)].values == (1, 1)
    assert series["a", label(bad)].values == (2,)
    assert series["a", label(good)].values == (1, 1)
    assert (scraper.scrapes, scraper.failures) == (4, 1)
    assert scraper.last_error.startswith(bad.url + ": ")
    assert why in scraper.last_error


async def test_scrape_that_is_not_answered_in_time_is_down_and_the_others_continue(
    new_endpoint: Callable[[], Endpoint], log: Log
) -> None:
    good, bad = new_endpoint(), new_endpoint()
    answering = threading.Event()

    def late(_: str) -> Reply:
        answering.wait(PATIENCE)
        return Reply("a 2\n")

    good.reply, bad.reply = Reply("a 1\n"), late
    scraper = Scraper(service(bad.url, good.url), log, timeout=0.2)

    async def scrape_until_up(endpoint: Endpoint) -> None:
        """A busy machine may need longer than the time-out."""
        async with asyncio.timeout(PATIENCE):
            await scraper.scrape()
            while log.series()["up", label(endpoint)].values[-1] == 0:
                await scraper.scrape()

    await scrape_until_up(good)
    assert set(log.series()["up", label(bad)].values) == {0}
    assert log.series()["a", label(good)].values == (1,)
    assert scraper.last_error == f"{bad.url}: no complete response within 0.2 s"
    answering.set()
    await scrape_until_up(bad)
    assert log.series()["a", label(bad)].values == (2,)
    assert (scraper.scrapes, log.series()["up", label(bad)].values.count(1)) == (
        2 * len(log.series()["up", label(good)].values),
        1,
    )


async def test_scrape_of_a_closed_port_is_down(log: Log) -> None:
    scraper = patient(service("http://127.0.0.1:1/metrics"), log)

    await scraper.scrape()

    assert log.values("up") == [(0,)]
    assert "connection refused" in scraper.last_error


async def test_two_scrapes_of_one_endpoint_never_overlap(endpoint: Endpoint, log: Log) -> None:
    endpoint.reply = Reply("a 1\n", delay=0.05)
    scraper = patient(service(endpoint.url), log)

    await asyncio.gather(*(scraper.scrape() for _ in range(4)))

    assert endpoint.together == 1
    [times] = [one.times for one in read_metrics(log.path, {"a"})]
    assert len(times) == 4
    assert list(times) == sorted(set(times))


async def test_follow_scrapes_on_the_ticks_of_the_clock(endpoint: Endpoint, log: Log) -> None:
    endpoint.reply = Reply("a 1\n")
    clock = RunClock()
    scraper = patient(service(endpoint.url), log, clock)
    stop = asyncio.Event()

    clock0 = time.monotonic() - 10
    epoch0 = clock.epoch(clock0)
    task = asyncio.create_task(scraper.follow(ticks(clock0, 0.1), stop))
    async with asyncio.timeout(30):
        while scraper.scrapes < 5:
            await asyncio.sleep(0.01)
    stop.set()
    await task

    [times] = [one.times for one in read_metrics(log.path, {"a"})]
    seen = [int((at - epoch0 + 0.001) / 0.1) for at in times]
    assert len(seen) == scraper.scrapes
    assert seen == sorted(set(seen))
    assert seen[0] >= 100
    assert seen[-1] - seen[0] + 1 <= len(seen) + scraper.missed + 1


async def test_follow_counts_the_times_that_a_slow_scrape_missed(
    endpoint: Endpoint, log: Log
) -> None:
    endpoint.reply = Reply("a 1\n", delay=0.25)
    scraper = patient(service(endpoint.url), log)
    stop = asyncio.Event()

    task = asyncio.create_task(scraper.follow(ticks(time.monotonic(), 0.1), stop))
    async with asyncio.timeout(30):
        while scraper.scrapes < 3:
            await asyncio.sleep(0.01)
    stop.set()
    await task

    assert scraper.missed >= 2 * 3
    assert scraper.failures == 0
    assert endpoint.together == 1


async def test_follow_waits_for_the_start_of_the_clock_and_ends_when_stopped(
    endpoint: Endpoint, log: Log
) -> None:
    scraper = patient(service(endpoint.url), log)
    stop = asyncio.Event()

    task = asyncio.create_task(scraper.follow(ticks(time.monotonic() + 3600, 1.0), stop))
    await asyncio.sleep(0.05)
    stop.set()
    async with asyncio.timeout(30):
        await task

    assert endpoint.requests == []


@pytest.mark.parametrize(("fastest", "interval"), [(0.019, 1.0), (0.05, 3.0), (0.3, 10.0)])
async def test_interval_is_fifty_times_the_fastest_scrape_up_to_ten_seconds(
    endpoint: Endpoint, log: Log, monkeypatch: pytest.MonkeyPatch, fastest: float, interval: float
) -> None:
    now = 0.0
    delays = iter((1.0, fastest, 0.4))

    def reply(_: str) -> Reply:
        nonlocal now
        now += next(delays)
        return Reply("a 1\n")

    monkeypatch.setattr("harness.observe.scraper.time", SimpleNamespace(perf_counter=lambda: now))
    endpoint.reply = reply
    scraper = patient(service(endpoint.url), log)
    for _ in range(3):
        await scraper.scrape()
    assert scraper.affordable_interval == interval


async def test_service_without_metrics_is_read_every_second(log: Log) -> None:
    assert patient(service(), log).affordable_interval == 1.0


@pytest.mark.parametrize(
    ("seconds", "interval"),
    [(60, 1), (4_799, 1), (4_800, 2), (7_200, 3), (23_999, 9), (24_000, 10), (28_800, 10)],
)
async def test_long_load_is_scraped_less_often(log: Log, seconds: float, interval: float) -> None:
    assert patient(service(), log).interval_for(seconds) == interval


async def test_follow_skips_a_time_during_a_scrape_at_the_edge(
    endpoint: Endpoint, log: Log
) -> None:
    gate = threading.Event()

    def reply(_: str) -> Reply:
        gate.wait(30)
        return Reply("a 1\n")

    endpoint.reply = reply
    scraper = patient(service(endpoint.url), log)
    stop = asyncio.Event()

    edge = asyncio.create_task(scraper.scrape())
    task = asyncio.create_task(scraper.follow(ticks(time.monotonic() + 0.02, 3600.0), stop))
    await asyncio.sleep(0.2)  # the tick passes meanwhile: both wait on one loop, in order
    gate.set()
    await edge
    stop.set()
    await task

    assert len(endpoint.requests) == 1
    assert scraper.missed == 0
