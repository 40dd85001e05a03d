import asyncio
import gzip
import shlex
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from harness import names
from harness.budgets.dialects.model import RoleGroup
from harness.budgets.dialects.recognise import recognise_target
from harness.budgets.lint.metrics import Family
from harness.budgets.model import Rate, Ratio, Selector, Target
from harness.judge.judge import judge
from harness.judge.measure.series import Origin, matching, scrapes
from harness.observe.host import memory_limit, usable_cpus
from harness.observe.metric_families import families_of, fetch_families
from harness.observe.scraper import Scraper, ticks
from harness.observe.target import Service, serve
from harness.runs.clock import RunClock
from harness.runs.metrics import MetricsLog, read_metrics
from harness.runs.model import Series
from harness.units import Unit
from tests.integration.observe.conftest import Endpoint, Reply
from tests.unit.judge.evidence import START, TIMES, budget, evidence, measure

EXPOSITIONS = Path(__file__).parents[2] / "expositions"
SERVICE = Path(__file__).with_name("service.py")
OWN = {
    names.CPU_SECONDS,
    names.MEMORY_BYTES,
    names.START_TIME,
    names.CPU_COUNT,
    names.MEMORY_LIMIT,
}
if Path("/proc/self/schedstat").exists():
    OWN |= {names.SERVICE_CPU_WAIT, names.OTHER_CPU}


class Log(MetricsLog):
    """A log whose series a test can read while it is open."""

    def series(self) -> dict[tuple[str, ...], Series]:
        return {
            (one.name, *(f"{k}={v}" for k, v in sorted(one.labels.items()))): one
            for one in read_metrics(self.path)
        }

    def values(self, name: str) -> list[tuple[float, ...]]:
        return [one.values for one in read_metrics(self.path) if one.name == name]


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Log]:
    with Log(tmp_path / "metrics.om") as log:
        yield log


def service(*urls: str, pid: int | None = None, url: str = "http://127.0.0.1:1") -> Service:
    return Service(url, urls, asyncio.get_running_loop().create_future(), pid)


def label(endpoint: Endpoint) -> str:
    return "instance=" + endpoint.url.removeprefix("http://")


async def test_library_whose_metrics_vanish_still_makes_the_roles_ambiguous(
    endpoint: Endpoint, log: Log
) -> None:
    one, other = (
        (EXPOSITIONS / f"{name}.prom").read_text()
        for name in ("opentelemetry", "opentelemetry-python")
    )
    scraper = Scraper(service(endpoint.url), log)
    for text in (one + other, one):
        endpoint.reply = Reply(text)
        await scraper.scrape()
        found = recognise_target(families_of(scraper.samples), None)
        assert RoleGroup.HTTP in found.ambiguous


async def test_counter_that_vanishes_before_it_is_born_is_still_a_family(
    endpoint: Endpoint, log: Log
) -> None:
    scraper = Scraper(service(endpoint.url), log)
    for text in ('# TYPE a_total counter\n# TYPE b_total counter\nb_total{metric="x"} 1\n', ""):
        endpoint.reply = Reply(text or "c 1\n")
        await scraper.scrape()
    found = families_of(scraper.samples)
    assert {"a_total", "b_total", "c"} <= {*found, *(f"{name}_total" for name in found)}


async def test_scrape_stamps_samples_with_the_middle_of_the_request(
    endpoint: Endpoint, log: Log
) -> None:
    endpoint.reply = Reply('# TYPE hits counter\nhits_total{x="1"} 3\n', delay=0.2)
    scraper = Scraper(service(endpoint.url), log)

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

    await Scraper(service(endpoint.url, pid=psutil.Process().pid), log).scrape(1_790_000_000.25)

    assert {one.times for one in log.series().values()} == {(1_790_000_000.25,)}


async def test_scrape_requests_the_text_format_and_decompresses_gzip(
    endpoint: Endpoint, log: Log
) -> None:
    endpoint.reply = Reply(gzip.compress(b"a 1\n"), headers={"Content-Encoding": "gzip"})

    await Scraper(service(endpoint.url + "/metrics"), log).scrape()

    [(path, headers)] = endpoint.requests
    assert path == "/metrics"
    assert headers["Accept"].startswith("text/plain;version=0.0.4,")
    assert log.values("a") == [(1,)]


async def test_scrape_follows_a_mounted_metrics_app(endpoint: Endpoint, log: Log) -> None:
    def reply(path: str) -> Reply:
        mounted = path == "/metrics/"
        return Reply("a 1\n") if mounted else Reply("", 307, {"Location": "/metrics/"})

    endpoint.reply = reply

    await Scraper(service(endpoint.url + "/metrics"), log).scrape()

    assert log.values("a") == [(1,)]
    assert log.values("up") == [(1,)]


async def test_scrape_of_several_endpoints_labels_their_samples(
    new_endpoint: Callable[[], Endpoint], log: Log
) -> None:
    one, two = new_endpoint(), new_endpoint()
    one.reply, two.reply = Reply("a 1\n"), Reply("a 2\n")
    path = "/second"

    await Scraper(service(one.url, two.url + "/first", two.url + path), log).scrape()

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
    "a slow answer": (Reply("a 1\n", delay=3), "no complete response within 1 s"),
    "half an answer": (Reply("a 1\nb", headers={"Content-Length": "99"}), "5 of 99 bytes"),
}


@pytest.mark.parametrize(("reply", "why"), FAILING.values(), ids=FAILING)
async def test_scrape_that_fails_is_down_and_reported_and_the_others_continue(
    new_endpoint: Callable[[], Endpoint], log: Log, reply: Reply, why: str
) -> None:
    good, bad = new_endpoint(), new_endpoint()
    good.reply, bad.reply = Reply("a 1\n"), reply
    scraper = Scraper(service(bad.url, good.url), log, timeout=1.0)

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


async def test_scrape_of_a_closed_port_is_down(log: Log) -> None:
    scraper = Scraper(service("http://127.0.0.1:1/metrics"), log)

    await scraper.scrape()

    assert log.values("up") == [(0,)]
    assert "connection refused" in scraper.last_error


async def test_two_scrapes_of_one_endpoint_never_overlap(endpoint: Endpoint, log: Log) -> None:
    endpoint.reply = Reply("a 1\n", delay=0.05)
    scraper = Scraper(service(endpoint.url), log)

    await asyncio.gather(*(scraper.scrape() for _ in range(4)))

    assert endpoint.together == 1
    [times] = [one.times for one in read_metrics(log.path, {"a"})]
    assert len(times) == 4
    assert list(times) == sorted(set(times))


async def test_follow_scrapes_on_the_ticks_of_the_clock(endpoint: Endpoint, log: Log) -> None:
    endpoint.reply = Reply("a 1\n")
    scraper = Scraper(service(endpoint.url), log)
    stop = asyncio.Event()

    clock0 = time.monotonic() - 10
    epoch0 = time.time() - 10
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
    scraper = Scraper(service(endpoint.url), log)
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
    scraper = Scraper(service(endpoint.url), log)
    stop = asyncio.Event()

    task = asyncio.create_task(scraper.follow(ticks(time.monotonic() + 3600, 1.0), stop))
    await asyncio.sleep(0.05)
    stop.set()
    async with asyncio.timeout(30):
        await task

    assert endpoint.requests == []


@pytest.mark.parametrize(
    ("delay", "interval"),
    [(0.0, {1.0}), (0.05, {3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0}), (0.3, {10.0})],
)
async def test_interval_is_fifty_times_the_fastest_scrape_up_to_ten_seconds(
    endpoint: Endpoint, log: Log, delay: float, interval: set[float]
) -> None:
    endpoint.reply = Reply("a 1\n", delay=1.0)
    scraper = Scraper(service(endpoint.url), log)
    await scraper.scrape()
    for endpoint.reply in [Reply("a 1\n", delay=delay)] * 5:
        await scraper.scrape()
    assert scraper.affordable_interval in interval


async def test_service_without_metrics_is_read_every_second(log: Log) -> None:
    assert Scraper(service(), log).affordable_interval == 1.0


async def test_follow_skips_a_time_during_a_scrape_at_the_edge(
    endpoint: Endpoint, log: Log
) -> None:
    gate = threading.Event()

    def reply(_: str) -> Reply:
        gate.wait(30)
        return Reply("a 1\n")

    endpoint.reply = reply
    scraper = Scraper(service(endpoint.url), log, timeout=30)
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
        scraper = Scraper(service, log)
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
        assert 0.3 <= first <= second <= sum(process.cpu_times()[:4])
        for name in OWN & {names.SERVICE_CPU_WAIT, names.OTHER_CPU}:
            first, second = series[name].values
            assert 0 <= first <= second
        assert series[names.CPU_COUNT].values[0] == usable_cpus()
        assert series[names.MEMORY_LIMIT].values[0] == memory_limit()


async def test_exposed_process_metrics_are_not_added(endpoint: Endpoint, log: Log) -> None:
    endpoint.reply = Reply("process_cpu_seconds_total 1\nsystem_memory_limit_bytes 5\n")
    scraper = Scraper(service(endpoint.url, pid=psutil.Process().pid), log)

    await scraper.scrape()
    endpoint.reply = Reply("", 503)
    await scraper.scrape()

    added = {key[0] for key in log.series() if "provider=psutil" in key}
    assert added == OWN - {"process_cpu_seconds_total", "system_memory_limit_bytes"}


async def test_case_2c_own_process_is_read_while_no_endpoint_answers(
    endpoint: Endpoint, log: Log
) -> None:
    endpoint.reply = Reply("process_cpu_seconds_total 1\n", delay=1)
    scraper = Scraper(service(endpoint.url, pid=psutil.Process().pid), log, timeout=0.1)

    await scraper.scrape()
    assert {key[0] for key in log.series()} == {"up", "scrape_duration_seconds", *OWN}

    endpoint.reply = endpoint.reply._replace(delay=0.0)
    while scraper.failures == scraper.scrapes:  # a busy machine may need longer than the time-out
        await scraper.scrape()
    counts = {key[0]: len(s.times) for key, s in log.series().items() if "provider=psutil" in key}
    assert counts == {**dict.fromkeys(OWN, scraper.scrapes), names.CPU_SECONDS: scraper.failures}
    run = evidence(*read_metrics(log.path), ups=())
    (chosen,) = matching(run, Selector(names.CPU_SECONDS))  # the one that the service exposes
    assert chosen.values == (1.0,)


async def test_process_of_a_running_service_is_not_read(endpoint: Endpoint, log: Log) -> None:
    await Scraper(service(endpoint.url), log).scrape()

    assert not OWN & {key[0] for key in log.series()}


async def test_process_that_has_ended_leaves_a_gap(tmp_path: Path, log: Log) -> None:
    async with serve(target(metrics=()), tmp_path / "log") as service:
        scraper = Scraper(service, log)
        await scraper.scrape()
        assert service.pid is not None
        psutil.Process(service.pid).kill()
        await asyncio.shield(service.died)
        await scraper.scrape()

    assert log.values(names.CPU_COUNT) == [(usable_cpus(),)]


# --- labels that the harness or Prometheus adds as well -------------------------------------------


def counted(*failing: str) -> Callable[[float], str]:
    """An exposition of 95 good answers and 5 failures a second; each line counts failures."""

    def text(t: float) -> str:
        every = "".join(line.format(5 * max(0.0, t)) for line in failing)
        return f'# TYPE e counter\ne_total{{code="200"}} {95 * (5 + t)}\n{every}'

    return text


COLLIDING: dict[str, Callable[[float], str]] = {
    # All failures of the provider are counted from its first failure on, a second after the start.
    "provider": lambda t: (
        f'e_total{{code="200"}} {95 * (5 + t)}\n'
        + ('e_total{code="500",provider="stripe"} 50\n' if t >= 1 else "")
    ),
    "instance": counted(
        'e_total{{code="500",instance="a"}} 0\n', 'e_total{{code="500",instance="b"}} {}\n'
    ),
    "instance and exported_instance": counted(
        'e_total{{code="500",exported_instance="x",instance="a"}} 0\n',
        'e_total{{code="500",exported_instance="x",instance="b"}} {}\n',
    ),
    "job": counted('e_total{{code="500",job="a"}} 0\n', 'e_total{{code="500",job="b"}} {}\n'),
    "source": counted('e_total{{code="500",source="a"}} {}\n'),
    "le": counted('e_total{{code="500",le="a"}} {}\n'),
}


@pytest.mark.parametrize("text", COLLIDING.values(), ids=COLLIDING)
async def test_case_3c_label_of_the_service_with_the_name_of_one_of_ours_hides_no_failure(
    endpoint: Endpoint, log: Log, text: Callable[[float], str]
) -> None:
    scraper = Scraper(service(endpoint.url), log)
    for at in TIMES:
        endpoint.reply = Reply(text(at - START))
        await scraper.scrape(at)

    failures = Ratio(Selector("e_total", {"code": "500"}), Selector("e_total"))
    run = evidence(*read_metrics(log.path), ups=())
    (verdict,) = judge((budget(failures, 0.01, unit=Unit.RATIO),), run).verdicts
    assert verdict.value == pytest.approx(0.05)
    assert verdict.outcome in {"fail", "inconclusive"}  # chance, when all failures come at once


async def test_case_3c_labels_are_renamed_as_by_prometheus_and_nothing_is_lost(
    endpoint: Endpoint, log: Log
) -> None:
    endpoint.reply = Reply(
        'a{instance="i",exported_instance="e",job="j",provider="p",le="1"} 1\n'
        'a{instance="k",exported_instance="e",job="j",provider="p",le="1"} 2\n'
        'process_cpu_seconds_total{provider="psutil"} 3\nup 0\n'
    )

    await Scraper(service(endpoint.url), log).scrape()

    series = log.series()
    rest = ("exported_instance=e", "exported_job=j", label(endpoint), "le=1", "provider=p")
    assert series["a", "exported_exported_instance=i", *rest].values == (1,)
    assert series["a", "exported_exported_instance=k", *rest].values == (2,)
    own = ("process_cpu_seconds_total", "exported_provider=psutil", label(endpoint))
    assert series[own].values == (3,)
    assert series["up", label(endpoint)].values == (1,)


async def test_case_3c_lint_sees_the_labels_as_a_run_names_them(endpoint: Endpoint) -> None:
    endpoint.reply = Reply(
        '# TYPE g gauge\ng{job="j",le="x"} 1\n# TYPE h histogram\nh_bucket{le="1"} 1\n'
        'h_bucket{le="one"} 1\nh_bucket{le="+Inf"} 1\nh_sum 1\nh_count 1\n'
    )
    families = await asyncio.to_thread(fetch_families, endpoint.url, None)
    assert families["g"] == Family("gauge", ({"exported_job": "j", "le": "x"},))
    assert families["h"] == Family("histogram", ({},), (1.0, float("inf")))


# --- a wall clock that is set ---------------------------------------------------------------------


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
    scraper = Scraper(service(endpoint.url), log, clock=clock)
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
    scraper = Scraper(
        service(endpoint.url, pid=psutil.Process().pid), log, clock=Clocks().run_clock()
    )

    await scraper.scrape()
    endpoint.reply = Reply("a 2\n")
    await scraper.scrape()

    for one in (log.series()["a", label(endpoint)], *read_metrics(log.path, {names.CPU_COUNT})):
        assert one.times == (START, START + 0.001)
    assert not read_metrics(log.path, {names.CONTRADICTING})
