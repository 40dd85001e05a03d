"""Labels that the harness or Prometheus adds as well."""

import asyncio
from collections.abc import Callable

import pytest

from harness.budgets.lint.metrics import Family
from harness.budgets.model import Ratio, Selector
from harness.judge.judge import judge
from harness.observe.metric_families import fetch_families
from harness.runs.metrics import read_metrics
from harness.units import Unit
from tests.integration.observe.conftest import Endpoint, Reply
from tests.integration.observe.scraping import Log, label, patient, service
from tests.unit.judge.evidence import START, TIMES, budget, evidence


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
    scraper = patient(service(endpoint.url), log)
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

    await patient(service(endpoint.url), log).scrape()

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
