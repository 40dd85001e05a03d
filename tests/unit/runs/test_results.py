"""results.json read back, and the runs of a folder."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from harness.budgets.model import Latency
from harness.errors import EXIT_INCONCLUSIVE, EXIT_USAGE, RunFolderError
from harness.judge.judge import decide
from harness.judge.model import Measurement, guard
from harness.report.run.results import results_json
from harness.runs.folder import RunFolder
from harness.runs.model import FileDigest
from harness.runs.results import Results, read_history, read_past, read_results
from harness.units import Unit
from tests.unit.judge.evidence import budget
from tests.unit.report.cases import CASES, MANIFEST, evidence, judged
from tests.unit.report.history.cases import stored, write_run


def test_results_are_read_as_they_were_judged(tmp_path: Path) -> None:
    judgement, found, code = CASES["fail"]
    results = read_results(RunFolder(write_run(tmp_path / "a", judgement, found, code)))
    assert (results.outcome, results.run.service, results.scenario) == (
        *("fail", "sample-app", "smoke"),
    )
    assert (results.started, results.commit) == (1782907200.0, "4f2a9c01d5")
    assert [(b.name, b.outcome, b.value) for b in results.budgets] == [
        (v.name, v.outcome, v.value) for v in judgement.verdicts
    ]
    p95 = results.budgets[3]
    assert (p95.lower, p95.upper, p95.bound, p95.direction, p95.unit) == (
        *(0.241, 0.262, 0.2, "max", Unit.SECONDS),
    )


def test_value_is_trusted_unless_a_guard_took_its_verdict_away() -> None:
    tripped = guard("load-delivered", "half was delivered", tripped=True, scope="client")
    other = guard("counter-reset", "a reset", tripped=True, scope="server")
    of = budget(Latency(0.95), 0.2)
    close = Measurement(0.199, 100, "load generator", undecided="6% of the requests failed")
    fine = Measurement(0.1, 100, "load generator")
    found = {
        "guarded": decide(of, fine, (tripped,)),
        "too close": decide(of, close, (other,)),
        "no data": decide(of, Measurement(None, 0, "load generator", reason="none"), ()),
        "fine": decide(of, fine, (other,)),
    }
    verdicts = [replace(verdict, name=name) for name, verdict in found.items()]
    results = stored(judged("inconclusive", *verdicts, guards=(tripped, other)), evidence())
    assert {b.name: b.guard for b in results.budgets} == {
        "guarded": "load-delivered",
        "too close": "",
        "no data": "",
        "fine": "",
    }
    assert {b.name: results.trusted(b) for b in results.budgets} == {
        "guarded": None,
        "too close": 0.199,
        "no data": None,
        "fine": 0.1,
    }


def test_guard_of_an_older_file_is_found_in_the_reason() -> None:
    tripped = guard("load-delivered", "half was delivered", tripped=True)
    of, fine = budget(Latency(0.95), 0.2), Measurement(0.1, 100, "load generator")
    guarded = decide(of, fine, (tripped,))
    close = decide(of, replace(fine, undecided="load-delivered: no guard"), ())
    verdicts = (guarded, replace(close, name="too close"))
    document = json.loads(
        results_json(judged("inconclusive", *verdicts, guards=(tripped,)), evidence(), exit_code=4)
    )
    assert [one.pop("guard") for one in document["budgets"]] == ["load-delivered", ""]
    results = Results.model_validate(document)
    assert [results.trusted(one) for one in results.budgets] == [None, 0.1]


def damaged(text: str) -> str:
    return text[: len(text) // 2]


def of_version_two(text: str) -> str:
    return json.dumps(json.loads(text) | {"schema": 2})


@pytest.mark.parametrize(
    ("damage", "says", "hint"),
    [
        pytest.param(lambda _: "", "was not judged", "harness check", id="empty"),
        pytest.param(damaged, "is not of this version: the file", "harness check", id="cut off"),
        pytest.param(of_version_two, "schema: Input should be 1", "harness check", id="version"),
        pytest.param(lambda _: "[]", "is not of this version", "harness check", id="a list"),
    ],
)
def test_unreadable_results_say_what_to_do(
    tmp_path: Path, damage: Callable[[str], str], says: str, hint: str
) -> None:
    folder = write_run(tmp_path / "a", *CASES["pass"])
    path = folder / "results.json"
    path.write_text(damage(path.read_text()))
    with pytest.raises(RunFolderError) as error:
        read_results(RunFolder(folder))
    assert says in error.value.message
    assert hint in error.value.hint


def test_history_has_the_runs_in_order_and_says_what_it_leaves_out(tmp_path: Path) -> None:
    judgement = CASES["pass"][0]
    for name, started in (("later", 1782907300.0), ("sooner", 1782907200.0)):
        clock = MANIFEST.clock.model_copy(update={"started": started})
        write_run(
            tmp_path / name, judgement, evidence(MANIFEST.model_copy(update={"clock": clock}))
        )
    (write_run(tmp_path / "killed", *CASES["pass"]) / "results.json").unlink()
    write_run(tmp_path / "a-comparison" / "pair-01" / "baseline", *CASES["pass"])
    (tmp_path / "notes.txt").write_text("not a run")
    runs, left_out = read_history(tmp_path)
    assert [run.folder.name for run in runs] == ["sooner", "later"]
    assert left_out == [f"{tmp_path / 'killed'} was not judged: it has no results.json"]


def test_history_counts_a_run_once_whatever_links_lead_to_it(tmp_path: Path) -> None:
    elsewhere = write_run(tmp_path / "archive" / "old", *CASES["pass"])
    write_run(tmp_path / "runs" / "new", *CASES["pass"])
    (tmp_path / "runs" / "latest").symlink_to("new")
    (tmp_path / "runs" / "reference").symlink_to(elsewhere)
    runs, left_out = read_history(tmp_path / "runs")
    assert sorted(run.folder.name for run in runs) == ["new", "reference"]
    assert left_out == []


def test_history_has_no_run_that_was_refused(tmp_path: Path) -> None:
    refused = evidence(MANIFEST.model_copy(update={"status": "failed", "reason": "no locustfile"}))
    inconclusive = CASES["inconclusive"][0]
    folder = write_run(tmp_path / "refused", inconclusive, refused, EXIT_USAGE)
    write_run(tmp_path / "without-a-service", inconclusive, refused, EXIT_INCONCLUSIVE)
    runs, left_out = read_history(tmp_path)
    assert [run.folder.name for run in runs] == ["without-a-service"]
    assert left_out == [f"{folder}: the run was refused before the load, so nothing was judged"]


@pytest.mark.parametrize(("case", "counts"), [("pass", False), ("fail", True)])
def test_history_does_not_count_a_pass_whose_files_have_changed(
    tmp_path: Path, case: str, *, counts: bool
) -> None:
    judgement = CASES[case][0]
    digest = FileDigest(size=1, sha256="0" * 64)
    manifest = MANIFEST.model_copy(update={"files": {"latency.hlog": digest}})
    folder = write_run(tmp_path / "a", judgement, evidence(manifest))
    runs, left_out = read_history(tmp_path)
    assert len(runs) == counts
    assert left_out == (
        []
        if counts
        else [
            f"{folder}: latency.hlog is missing or cannot be read, so it does not count as a pass"
        ]
    )
    assert read_past(folder).changed == ("latency.hlog is missing or cannot be read",)


@pytest.mark.parametrize(
    ("place", "says"),
    [
        pytest.param("absent", "is not a folder", id="no folder"),
        pytest.param("empty", "holds no runs", id="no runs"),
        pytest.param("run", "is a run itself", id="a run"),
    ],
)
def test_history_of_no_runs_is_refused(tmp_path: Path, place: str, says: str) -> None:
    (tmp_path / "empty").mkdir()
    write_run(tmp_path / "run", *CASES["pass"])
    with pytest.raises(RunFolderError) as error:
        read_history(tmp_path / place)
    assert says in error.value.message
    assert error.value.hint
