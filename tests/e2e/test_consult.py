"""A real Prometheus scrapes the service and the harness during a run, and measures the service."""

import json
import shutil
import sys
import time
from pathlib import Path

import pytest

from harness.observe.prometheus import Prometheus
from tests.e2e.conftest import SERVICE, Project
from tests.servers import PATIENCE, PrometheusServer, free_port, prometheus_server

COUNTED = "http_server_request_duration_seconds_count"


@pytest.mark.needs_prometheus
def test_run_is_judged_by_what_a_server_scraped_which_knows_the_verdict_as_check_does(
    project: Project, tmp_path_factory: pytest.TempPathFactory
) -> None:
    port, own = free_port(), free_port()
    project.document["target"] |= {
        "command": f"{sys.executable} {SERVICE} {port}",
        "url": f"http://127.0.0.1:{port}",
    }
    project.document["budgets"]["requests"] = {
        "indicator": {
            "kind": "promql",
            "query": f'sum(rate({COUNTED}{{job="shop"}}[{{window}}]))',
            "unit": "1/s",
        },
        "min": 1,
    }
    with prometheus_server(
        tmp_path_factory.mktemp("prometheus"), scrape=scraping(port, own)
    ) as server:
        until_scraped(server)
        asked = ("--prometheus", server.url, "--prometheus-match", "job=shop")
        for _ in range(3):  # a pause of the machine may cost the only scrape of the verdict
            shutil.rmtree(project.path / "out", ignore_errors=True)
            # A busy machine loses scrapes at the edges of the window.
            result = project.judged("run", "--duration", "5s", "--serve-metrics", str(own), *asked)
            # The harness is gone, which ends its series; its last scrape saw the verdict.
            since = f"{int(time.time() - project.manifest()['clock']['window_end'])}s"
            values, outcomes, requests = (
                Prometheus(server.url).ask(query, time.time()).found
                for query in (
                    f"last_over_time(harness_budget_value[{since}])",
                    f"last_over_time(harness_budget_outcome[{since}]) == 1",
                    f"sum(last_over_time(harness_requests_total[{since}]))",
                )
            )
            if values:
                break
    budgets = {budget["name"]: budget for budget in project.results()["budgets"]}
    lost = budgets["cache"]["guard"] in {"server-coverage", "server-agrees"}
    expected = dict.fromkeys(budgets, "pass") | ({"cache": "inconclusive"} if lost else {})
    assert project.outcomes() == expected, result.out + result.err
    assert result.code == (4 if lost else 0)
    assert {one.labels["budget"]: one.value for one in values} == {
        name: budget["value"] for name, budget in budgets.items() if budget["value"] is not None
    }
    assert {one.labels["budget"]: one.labels["outcome"] for one in outcomes} == project.outcomes()
    assert [one.value for one in requests] == [project.manifest()["requests"]["recorded"]]
    assert {name: budget["source"] for name, budget in budgets.items()} == {
        "latency": "load generator",
        "errors": "load generator",
        "cache": "Prometheus server",
        "requests": "Prometheus server",
    }
    if not lost:
        reason = budgets["cache"]["reason"]
        assert "extrapolated by Prometheus from" in reason
        assert "of the harness's own scrapes" in reason or (
            "the same as by the harness's own scrapes" in reason
        )
    # A pause moves the answers of its seconds into or out of the window.
    assert budgets["requests"]["value"] == pytest.approx(40, rel=0.9)
    again = project.call("check", "out", "--json", "again.json")  # the server is gone
    assert again.code == result.code, again.out + again.err
    assert json.loads((project.path / "again.json").read_text()) == project.results()


def until_scraped(server: PrometheusServer) -> None:
    """A Prometheus begins seconds after its start; it finds nobody there then, which is `up` 0."""
    patience_ends = time.monotonic() + PATIENCE
    while not Prometheus(server.url).ask("up", time.time()).found:
        assert time.monotonic() < patience_ends
        time.sleep(0.1)


def scraping(shop: int, harness: int) -> str:
    jobs = [
        {
            "job_name": name,
            # Ten in each second: the ends of the window that they do not cover must be short.
            # The harness waits for a scrape of its verdict, as long as the interval lets it expect.
            "scrape_interval": "100ms" if name == "shop" else "2s",
            "scrape_timeout": "100ms" if name == "shop" else "2s",
            "static_configs": [{"targets": [f"127.0.0.1:{port}"]}],
        }
        for name, port in {"shop": shop, "harness": harness}.items()
    ]
    return json.dumps({"scrape_configs": jobs})


def test_server_that_cannot_be_asked_is_an_error_before_the_load(project: Project) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    result = project.call("run", "--out", "out", "--prometheus", url)
    assert result.code == 2
    assert f"cannot query Prometheus at {url}: connection refused" in result.err
    assert not Path(project.path / "out").exists()
