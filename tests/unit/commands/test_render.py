"""`harness render`: what is written where, drift, bad usage."""

import re
from pathlib import Path

import pytest

from harness.cli import main

BUDGETS = Path("tests/rendered/checkout.yaml")


def render(*arguments: object) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["render", *map(str, arguments)])
    assert isinstance(ended.value.code, int)
    return ended.value.code


def test_render_writes_what_check_then_accepts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ("--budgets", BUDGETS, "--out", tmp_path)
    assert render(*asked, "--check") == 2
    assert "rules.yml differs from what budgets.yaml renders" in capsys.readouterr().err
    assert render(*asked) == 0
    assert render(*asked, "--check") == 0
    assert f"{tmp_path / 'prometheus' / 'rules.yml'}: up to date\n" in capsys.readouterr().out
    rules = tmp_path / "prometheus" / "rules.yml"
    rules.write_text(rules.read_text().replace("> 0.01", "> 0.02"))
    assert render(*asked, "--check") == 2
    error = capsys.readouterr().err
    assert error.count("differs from what") == 1
    assert "> 0.02" in rules.read_text()  # a check changes nothing


def test_render_of_one_part_leaves_the_other_out(tmp_path: Path) -> None:
    assert render("--budgets", BUDGETS, "--out", tmp_path, "--only", "prometheus") == 0
    assert {path.name for path in tmp_path.iterdir()} == {"prometheus"}


def test_render_watches_the_job_and_links_to_the_grafana_that_are_named(tmp_path: Path) -> None:
    asked = ("--job", "eu/checkout", "--grafana-url", "https://grafana.example/")
    assert render("--budgets", BUDGETS, "--out", tmp_path, *asked) == 0
    text = (tmp_path / "prometheus" / "rules.yml").read_text()
    assert 'job="eu/checkout"' in text
    assert 'job="checkout"' not in text
    assert "dashboard_url: https://grafana.example/d/checkout-budgets?" in text


def test_rules_of_a_service_with_its_own_names_read_these(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("budgets.yaml").write_text(
        "version: 1\nservice: shop\n"
        "target: {url: http://127.0.0.1:1, metrics: /metrics, dialect: [promhttp],\n"
        "  requests: {metric: http_request_duration_seconds, route: endpoint, method: method}}\n"
        "scenarios: {smoke: {locustfile: smoke.py, rate: 50/s, duration: 20s}}\n"
        "budgets:\n  server: {indicator: server_latency, max: 500ms}\n"
        "  list:\n    indicator: {kind: latency, quantile: 0.95, request: GET /orders}\n"
        "    max: 500ms\n"
    )
    assert render() == 0
    text = Path("dashboards/prometheus/rules.yml").read_text()
    assert set(re.findall(r"\w*request_duration_seconds\w*", text)) == {
        "http_request_duration_seconds_bucket"
    }
    assert 'endpoint=~"(?:GET )?/orders"' in text


def test_render_of_nothing_is_an_error_that_says_why(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    budgets = tmp_path / "budgets.yaml"
    budgets.write_text(
        "version: 1\nservice: shop\n"
        "scenarios: {smoke: {locustfile: smoke.py, rate: 50/s, duration: 20s}}\n"
        "budgets: {errors: {indicator: error_ratio, max: 1%, severity: off}}\n"
    )
    assert render("--budgets", budgets, "--out", tmp_path / "out") == 2
    error = capsys.readouterr().err
    assert "no budget whose severity is not off" in error
    assert "hint: add a budget, or change the severity of one" in error
    assert not (tmp_path / "out").exists()


def test_file_that_cannot_be_compared_is_bad_usage(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "prometheus" / "rules.yml"
    file.mkdir(parents=True)
    assert render("--budgets", BUDGETS, "--out", tmp_path, "--check") == 2
    error = capsys.readouterr().err
    assert f"cannot read {file}: Is a directory" in error
    assert "hint: remove it, or name another folder with --out" in error


def test_render_where_nothing_can_be_written_is_bad_usage(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    assert render("--budgets", BUDGETS, "--out", tmp_path / "file") == 2
    assert "cannot write" in capsys.readouterr().err
