"""`harness check`: which budgets judge a stored run."""

from datetime import date
from pathlib import Path

import pytest

from harness import names
from harness.budgets.parse.parse import parse_plan
from harness.runner.folder import new_run_folder
from harness.runs.folder import RunFolder, read_manifest
from harness.runs.hdr import encode
from tests.unit.commands.stored import BUDGETS, FAILED, GOOD, exit_of, stored_run

PASSING = BUDGETS.replace("max: 1%", "max: 90%")


def files(folder: Path, **texts: str) -> list[Path]:
    """Files of these names in a folder."""
    paths = [folder / f"{name}.yaml" for name in texts]
    for path, text in zip(paths, texts.values(), strict=True):
        path.write_text(text)
    return paths


def test_check_judges_by_the_budgets_in_the_folder_or_by_those_of_a_file(tmp_path: Path) -> None:
    run = stored_run(tmp_path / "run")
    (other,) = files(tmp_path, other=PASSING)
    assert exit_of("check", run.path) == 3
    assert exit_of("check", run.path, "--budgets", other) == 0


# --- budgets that were stored as text with variables (3k) -----------------------------------------


def test_stored_budgets_are_those_in_force_whatever_the_environment_says_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = BUDGETS.replace("max: 1%", 'max: "${MOST:-1%}"')
    source = tmp_path / "budgets.yaml"
    plan = parse_plan(text, source, {"MOST": "2%"}, date(2026, 11, 20))
    new = new_run_folder(tmp_path / "new", plan, plan.scenarios["smoke"])
    run = stored_run(tmp_path / "run", new.file(names.BUDGETS_FILE).read_text())
    for value in ("90%", "", "nonsense"):
        monkeypatch.setenv("MOST", value)
        assert exit_of("check", run.path) == 3
        assert exit_of("report", run.path) == 0
        assert "max 2%" in run.file(names.REPORT_FILE).read_text()


def test_variable_in_a_folder_is_not_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is no folder of this version: one from elsewhere could ask for a secret in a report."""
    monkeypatch.setenv("MOST", "90%")
    monkeypatch.setenv("GH_TOKEN", "ghp-secret")
    text = BUDGETS.replace("max: 1%", 'max: "${MOST:-1%}"')
    run = stored_run(tmp_path / "run", text, sealed=False)
    assert exit_of("check", run.path) == 3
    text = BUDGETS.replace("max: 1%", 'max: 1%, runbook: "https://example.org/${GH_TOKEN}"')
    run = stored_run(tmp_path / "other", text, sealed=False)
    assert exit_of("check", run.path) == 2
    printed = capsys.readouterr()
    assert "ghp-secret" not in printed.out + printed.err
    assert f"hint: judge by another file: harness check {run.path} --budgets FILE" in printed.err
    assert exit_of("check", run.path, "--budgets", *files(tmp_path, mine=PASSING)) == 0


def test_old_folder_is_judged_whatever_its_other_sections_hold(tmp_path: Path) -> None:
    text = BUDGETS.replace("max: 1%", "max: 1%, waiver: {until: 2099-12-31, reason: rewrite}")
    others = """\
target: {url: "http://127.0.0.1:{port}", command: "serve {port} ${SECRET_THAT_IS_NOT_SET}"}
selftest: {none: {environment: {A=B: 1}, expect: unjudged}}
"""
    run = stored_run(tmp_path / "run", text + others, sealed=False)
    assert exit_of("check", run.path) == 0
    assert exit_of("report", run.path) == 0


@pytest.mark.parametrize("command", ["check", "report"])
def test_run_of_a_scenario_that_its_budgets_do_not_have_is_refused(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = stored_run(tmp_path / "run", BUDGETS.replace("max: 1%", "max: 1%, scenarios: [smoke]"))
    replaced(run, '"name": "smoke"', '"name": "other"')
    assert exit_of(command, run.path) == 2
    assert "has no scenario 'other', of which run.json is" in capsys.readouterr().err


# --- scenarios that were renamed or deleted (3l) --------------------------------------------------


@pytest.mark.parametrize("command", ["check"])
def test_check_refuses_budgets_without_the_scenario_of_the_run(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = stored_run(tmp_path / "run")
    bound = BUDGETS.replace("max: 1%", "max: 1%, scenarios: [quick]").replace("smoke:", "quick:")
    (renamed,) = files(
        tmp_path,
        renamed=bound.replace(
            "}}\nbudgets", "}, long: {locustfile: a.py, users: 1, duration: 9s}}\nbudgets"
        ),
    )
    assert exit_of(command, run.path, "--budgets", renamed) == 2
    assert capsys.readouterr().err == (
        f"error: {renamed} has no scenario 'smoke'; its scenarios: quick, long\n"
        "hint: the run is of 'smoke': if that was renamed, name the new one with --scenario\n"
    )
    assert exit_of(command, run.path, "--budgets", renamed, "--scenario", "quick") == 3
    assert exit_of(command, run.path, "--budgets", renamed, "--scenario", "nope") == 2
    assert exit_of(command, run.path, "--scenario", "quick") == 2


def test_check_with_budgets_bound_to_other_scenarios_only_is_inconclusive(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = stored_run(tmp_path / "run")
    bound = BUDGETS.replace("max: 1%", "max: 1%, scenarios: [quick]").replace(
        "{smoke:", "{quick: {locustfile: a.py, users: 1, duration: 9s}, smoke:"
    )
    (file,) = files(tmp_path, bound=bound)
    assert exit_of("check", run.path, "--budgets", file) == 4
    said = capsys.readouterr()
    assert "no budget applies to this scenario" in said.out
    assert said.err == f"note: {file} does not judge errors in scenario 'smoke'; the run did\n"


def test_check_names_the_budgets_of_the_run_that_other_budgets_leave_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = stored_run(tmp_path / "run")
    text = BUDGETS.replace("errors: {", "renamed: {").replace("max: 1%", "max: 90%")
    (file,) = files(tmp_path, other=text)
    assert exit_of("check", run.path, "--budgets", file) == 0
    assert "does not judge errors in scenario 'smoke'; the run did" in capsys.readouterr().err


# --- waivers --------------------------------------------------------------------------------------


def test_run_whose_waiver_has_expired_since_is_judged_as_on_its_day(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    waived = BUDGETS.replace("max: 1%", "max: 1%, waiver: {until: 2020-01-31, reason: rewrite}")
    run = stored_run(tmp_path / "run", waived)
    assert exit_of("check", run.path) == 0
    assert "waived until 2020-01-31: rewrite" in capsys.readouterr().out
    assert exit_of("report", run.path) == 0
    (file,) = files(tmp_path, today=waived)
    assert exit_of("check", run.path, "--budgets", file) == 2


def test_reports_say_which_budgets_cannot_fail_the_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = """\
version: 1
service: shop
scenarios: {smoke: {locustfile: a.py, rate: 150/s, duration: 10s}}
budgets:
  errors: {indicator: error_ratio, max: 1%, waiver: {until: 2026-12-31, reason: known}}
  latency: {indicator: api_latency, max: 1s}
  quick: {indicator: api_latency, max: 1ms, severity: warn}
  never: {indicator: api_latency, max: 1ms, severity: off}
  elsewhere: {indicator: api_latency, max: 1ms, severity: off, scenarios: [other]}
  orders: {indicator: {kind: error_ratio, request: POST /b}, max: 1%, on_no_data: ignore}
"""
    other = "scenarios: {other: {locustfile: a.py, users: 1, duration: 9s}, "
    run = stored_run(tmp_path / "run", text.replace("scenarios: {", other, 1), failed=2)
    reports = {name: tmp_path / name for name in ("junit-xml", "markdown", "html")}
    options = [part for name, path in reports.items() for part in (f"--{name}", path)]
    assert exit_of("check", run.path, *options) == 0
    said = (
        "1 waived (errors until 2026-12-31), 1 only warn (quick), 1 off (never),"
        " 1 ignore missing data (orders)"
    )
    assert said in " ".join(capsys.readouterr().out.split())
    for path in reports.values():
        assert said in path.read_text().replace("&#39;", "'").replace("\\", ""), path


# --- folders that somebody changed ----------------------------------------------------------------


def replaced(run: RunFolder, old: str, new: str) -> None:
    text = run.file(names.MANIFEST_FILE).read_text()
    assert old in text
    run.write(names.MANIFEST_FILE, text.replace(old, new))


@pytest.mark.parametrize("command", ["check", "report"])
@pytest.mark.parametrize(
    ("old", "new", "place"),
    [
        ('"name": "smoke"', '"title": "smoke"', "scenario: it has no name"),
        ('"name": "smoke"', '"name": 7', "scenario: it has no name"),
        ('"started": 995.0', '"started": 1e300', "clock.started: Input should be less than"),
        ('"window_end": 1010.0', '"window_end": NaN', "clock.window_end: Input should be"),
        ('"created": 900.0', '"created": -1', "clock.created: Input should be greater than"),
        ('"window_end": 1010.0', '"window_end": 1e10', "clock: its window is longer than a run"),
        (
            '"window_start": 1000.0,\n    "window_end": 1010.0',
            '"window_start": 0.0,\n    "window_end": 1e9',
            "clock: its window is longer than a run",
        ),
    ],
)
def test_tampered_manifest_is_refused_with_the_place(
    command: str, old: str, new: str, place: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = stored_run(tmp_path / "run")
    replaced(run, old, new)
    assert exit_of(command, run.path) == 2
    assert f"run.json is not of this version: {place}" in capsys.readouterr().err


def without_errors(run: RunFolder) -> None:
    """Take the failed requests out of latency.hlog."""
    log = run.file(names.LATENCY_FILE)
    kept = [line for line in log.read_text().splitlines(keepends=True) if "error" not in line]
    log.write_text("".join(kept))


def recount(run: RunFolder) -> None:
    """Change the counts of run.json to those of the damaged log."""
    total, kept = str(10 * (GOOD + FAILED)), str(10 * GOOD)
    replaced(run, f'"recorded": {total}', f'"recorded": {kept}')
    replaced(run, f'"started": {total}', f'"started": {kept}')


def test_run_whose_log_lost_its_errors_stays_inconclusive(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = stored_run(tmp_path / "run")
    assert exit_of("check", run.path) == 3
    without_errors(run)
    recount(run)
    assert exit_of("check", run.path) == 4
    assert "GUARD TRIPPED files-unchanged" in capsys.readouterr().out
    assert exit_of("report", run.path) == 0
    assert capsys.readouterr().out.startswith("inconclusive ")


def test_old_folder_without_digests_is_reconciled_by_its_counts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = stored_run(tmp_path / "run", sealed=False)
    assert exit_of("check", run.path) == 3
    without_errors(run)
    assert exit_of("check", run.path) == 4
    assert "GUARD TRIPPED requests-stored" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "added", "says"),
    [
        (names.METRICS_FILE, "# more\n", "metrics.om has "),
        (names.SLOWEST_FILE, '{"at"', "slowest.jsonl is not in run.json"),
        (names.FAILURES_FILE, '{"request"', "failures.jsonl is not in run.json"),
        (names.BUDGETS_FILE, "# more\n", "budgets.yaml has "),
    ],
)
def test_run_with_a_changed_file_is_inconclusive_and_names_it(
    name: str, added: str, says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = stored_run(tmp_path / "run", failed=0)
    assert exit_of("check", run.path) == 0
    with run.file(name).open("a") as file:
        file.write(added)
    changed = run.file(name).read_text()
    assert exit_of("check", run.path) == 4
    said = capsys.readouterr().out
    assert f"files-unchanged: {says}" in " ".join(said.split())
    assert run.file(name).read_text() == changed


def test_changed_copy_of_the_budgets_matters_only_where_it_judges(tmp_path: Path) -> None:
    run = stored_run(tmp_path / "run")
    (other,) = files(tmp_path, other=PASSING)
    run.write(names.BUDGETS_FILE, PASSING)
    assert exit_of("check", run.path) == 4
    assert exit_of("check", run.path, "--budgets", other) == 0


def test_export_of_a_changed_run_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = stored_run(tmp_path / "run")
    exit_of("check", run.path, "--json", run.file(names.RESULTS_FILE))
    assert exit_of("export", run.path, "--to", "openmetrics") == 0
    without_errors(run)
    assert exit_of("export", run.path, "--to", "openmetrics") == 4
    said = capsys.readouterr().err
    assert f"error: {run.path} was changed after the run: latency.hlog has " in said


def test_log_with_a_bucket_beyond_its_range_is_refused_with_its_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = stored_run(tmp_path / "run")
    lines = run.file(names.LATENCY_FILE).read_text().splitlines(keepends=True)
    lines[7] = f"{lines[7].rpartition(',')[0]},{encode({1 << 4000: 1})}\n"
    run.file(names.LATENCY_FILE).write_text("".join(lines))
    assert exit_of("check", run.path) == 2
    assert (
        "latency.hlog:8: damaged line (a time beyond an hour, or a count beyond 64 bits)"
        in capsys.readouterr().err
    )


# --- the exit code of an interrupted run ----------------------------------------------------------


@pytest.mark.parametrize("command", ["check", "report"])
def test_page_of_an_interrupted_run_has_the_exit_code_of_the_run(
    tmp_path: Path, command: str
) -> None:
    run = stored_run(tmp_path / "run", sealed=False)
    manifest = read_manifest(run).model_copy(update={"status": "interrupted"})
    run.write_manifest(manifest)
    page = tmp_path / "page.html"
    exit_of(command, run.path, "--html", page)
    assert "exit code 130</span>" in page.read_text()
