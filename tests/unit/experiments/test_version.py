"""Versions: which pairs make sense, what they are called, and what they run with."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from harness.budgets.model import Target
from harness.errors import TargetError, UsageError
from harness.experiments.version import (
    Version,
    check_versions,
    checkout_name,
    notices,
    own_environment,
    version_side,
)

COMMIT = "1a2b3c4d" + "0" * 32
TARGET = Target(
    url="http://127.0.0.1:{port}",
    command="serve --port {port}",
    setup="make {side}",
    environment={"DATABASE": "sqlite:///./{side}.db", "LEVEL": "info"},
    directory=Path("/tree"),
)
REFUSED = [
    (
        "a candidate ref alone",
        TARGET,
        Version(),
        Version(ref="main"),
        "no baseline ref",
        "--baseline REF",
    ),
    (
        "a baseline URL alone",
        TARGET,
        Version(url="http://a"),
        Version(),
        "the candidate needs one",
        "both --baseline-url and --candidate-url",
    ),
    (
        "a candidate URL alone",
        TARGET,
        Version(ref="main"),
        Version(url="http://a"),
        "the baseline needs one",
        "both --baseline-url and --candidate-url",
    ),
    (
        "a URL with an environment",
        TARGET,
        Version(url="http://a"),
        Version(url="http://b", environment={"A": "1"}),
        "the candidate already runs at its URL",
        "leave out --candidate-url",
    ),
    (
        "a URL with a ref",
        TARGET,
        Version(url="http://a", ref="main"),
        Version(url="http://b"),
        "the baseline already runs at its URL",
        "leave out --baseline-url",
    ),
    (
        "no command",
        Target(url="http://127.0.0.1:80"),
        Version(ref="main"),
        Version(),
        "the baseline has no command that starts it",
        "--baseline-url",
    ),
    (
        "no command for one side",
        Target(url="http://127.0.0.1:{port}"),
        Version(command="serve {port}"),
        Version(),
        "the candidate has no command that starts it",
        "command in budgets.yaml",
    ),
    (
        "a fixed port",
        Target(url="http://127.0.0.1:80", command="serve"),
        Version(ref="main"),
        Version(),
        "the baseline would have a fixed port",
        "write {port}",
    ),
    (
        "a command without the port",
        TARGET,
        Version(),
        Version(command="serve --port 80"),
        "the candidate would have a fixed port",
        "write {port}",
    ),
    (
        "metrics at a fixed address",
        replace(TARGET, metrics=("/metrics", "http://127.0.0.1:9100/metrics")),
        Version(ref="main"),
        Version(),
        "both versions would be scraped at http://127.0.0.1:9100/metrics, where only one",
        "or {port} as the port; for a port of its own write {port2}",
    ),
    (
        "metrics options of a version that is started",
        TARGET,
        Version(metrics=("http://a:9100/metrics",)),
        Version(),
        "--baseline-metrics belongs to a version that already runs, and there is no --baseline-url",
        "leave it out",
    ),
    (
        "the same metrics given for both versions",
        Target(url="http://a"),
        Version(url="http://a", metrics=("http://a:9100/metrics",)),
        Version(url="http://b", metrics=("http://a:9100/metrics",)),
        "both versions would be scraped at http://a:9100/metrics, where only one",
        "--baseline-metrics and --candidate-metrics",
    ),
    (
        "the same metrics under two names of one host",
        Target(url="http://a"),
        Version(url="http://a", metrics=("http://LOCALHOST:9100/metrics",)),
        Version(url="http://b", metrics=("http://127.0.0.1:9100/metrics/",)),
        "both versions would be scraped at http://LOCALHOST:9100/metrics, where only one",
        "--baseline-metrics and --candidate-metrics",
    ),
    (
        "metrics at a fixed address of versions that already run",
        Target(url="http://a", metrics=("http://a:9100/metrics",)),
        Version(url="http://a"),
        Version(url="http://b"),
        "both versions would be scraped at http://a:9100/metrics, where only one",
        "give each version its own with --baseline-metrics and --candidate-metrics",
    ),
    (
        "metrics at the same port of versions on two hosts",
        Target(url="http://a", metrics=("http://a:{port}/metrics",)),
        Version(url="http://a:80"),
        Version(url="http://b:80"),
        "both versions would be scraped at http://a:80/metrics, where only one",
        "give each version its own with --baseline-metrics and --candidate-metrics",
    ),
]


def test_versions_with_metrics_of_their_own_are_compared() -> None:
    places = ("/metrics", "http://127.0.0.1:{port}/metrics")
    check_versions(replace(TARGET, metrics=places), Version(), Version())
    check_versions(
        replace(TARGET, metrics=places), Version(url="http://a:1"), Version(url="http://a:2")
    )
    check_versions(
        replace(TARGET, metrics=places[:1]), Version(url="http://a"), Version(url="http://b")
    )
    own = replace(TARGET, metrics=("http://127.0.0.1:{port2}/metrics",))
    check_versions(own, Version(), Version())
    check_versions(
        own,
        Version(url="http://a", metrics=("http://a:9100/metrics",)),
        Version(url="http://b", metrics=("http://b:9100/metrics",)),
    )
    check_versions(
        own,
        Version(url="http://a", metrics=("http://127.0.0.1:9100/old/metrics",)),
        Version(url="http://b", metrics=("http://127.0.0.1:9100/new/metrics",)),
    )


def test_metrics_of_a_running_version_replace_those_of_the_target() -> None:
    target = replace(TARGET, metrics=("/metrics",), exporters=("http://db:9187/metrics",))
    version = Version(url="http://a", metrics=("http://a:9100/metrics",))
    assert version_side(target, version, "baseline", "").target.metrics == version.metrics
    assert version_side(target, Version(), "baseline", "").target.metrics == ("/metrics",)
    for one in (version, Version()):  # both versions would read the same values of an exporter
        assert version_side(target, one, "baseline", "").target.exporters == ()


def test_port_of_the_metrics_of_a_running_version_is_unknown() -> None:
    own = replace(TARGET, metrics=("http://127.0.0.1:{port2}/metrics",))
    with pytest.raises(TargetError, match=r"\{port2\}") as raised:
        check_versions(own, Version(url="http://a"), Version(url="http://b"))
    assert "--baseline-metrics and --candidate-metrics" in raised.value.hint


@pytest.mark.parametrize(
    ("target", "baseline", "candidate", "message", "hint"),
    [case[1:] for case in REFUSED],
    ids=[case[0] for case in REFUSED],
)
def test_versions_that_cannot_be_compared_are_refused_with_a_hint(
    target: Target, baseline: Version, candidate: Version, message: str, hint: str
) -> None:
    with pytest.raises(UsageError) as raised:
        check_versions(target, baseline, candidate)
    assert message in raised.value.message
    assert hint in raised.value.hint


@pytest.mark.parametrize(
    ("baseline", "candidate"),
    [
        (Version(ref="main"), Version()),
        (Version(ref="main"), Version(ref="topic", environment={"A": "1"})),
        (Version(), Version(environment={"A": "1"})),
        (Version(), Version(command="other {port}")),
        (Version(), Version(command="other", environment={"PORT": "{port}"})),
        (Version(url="http://a"), Version(url="http://b")),
        (Version(), Version()),
    ],
    ids=str,
)
def test_versions_that_can_be_compared_are_accepted(baseline: Version, candidate: Version) -> None:
    check_versions(TARGET, baseline, candidate)


def test_side_replaces_the_place_holder_of_its_name() -> None:
    found = version_side(TARGET, Version(), "baseline", "main (1a2b3c4d)")
    assert found.label == "main (1a2b3c4d)"
    assert found.target.setup == "make baseline"
    assert found.target.environment == {"DATABASE": "sqlite:///./baseline.db", "LEVEL": "info"}
    assert found.target.command == "serve --port {port}"
    assert found.url is None


def test_label_of_a_side_names_command_and_variables_without_values() -> None:
    version = Version(
        command="run {side} {port}", environment={"LEVEL": "s3cret", "MORE": "{side}"}
    )
    found = version_side(TARGET, version, "candidate", "working tree")
    assert found.target.command == "run candidate {port}"
    assert found.target.environment == {
        "DATABASE": "sqlite:///./candidate.db",
        "LEVEL": "s3cret",
        "MORE": "candidate",
    }
    assert found.label == "working tree, `run {side} {port}`, with LEVEL, MORE"


def test_label_of_a_side_with_a_command_has_no_password() -> None:
    version = Version(command="run --db postgres://me:s3@cret@db/shop {port}")
    found = version_side(TARGET, version, "baseline", "working tree")
    assert found.label == "working tree, `run --db postgres://db/shop {port}`"
    assert found.target.command == "run --db postgres://me:s3@cret@db/shop {port}"


def test_label_of_a_side_with_a_url_has_no_password() -> None:
    found = version_side(
        TARGET, Version(url="http://me:s3cret@host:81/v1"), "baseline", "working tree"
    )
    assert (found.url, found.label) == ("http://me:s3cret@host:81/v1", "http://host:81/v1")


@pytest.mark.parametrize(
    ("ref", "changed", "name"),
    [
        ("main", 0, "main (1a2b3c4d)"),
        ("1a2b3", 0, "1a2b3c4d"),
        (None, 0, "working tree (1a2b3c4d, unchanged)"),
        (None, 1, "working tree (1a2b3c4d, 1 changed file)"),
        (None, 2, "working tree (1a2b3c4d, 2 changed files)"),
    ],
)
def test_checkout_name_has_the_ref_the_commit_and_the_changes(
    ref: str | None, changed: int, name: str
) -> None:
    assert checkout_name(ref, COMMIT, changed) == name


@pytest.mark.parametrize(
    ("inherited", "venv", "own"),
    [
        ({"PATH": "/bin"}, None, {}),
        ({"PATH": "/bin", "VIRTUAL_ENV": ""}, None, {}),
        ({"PATH": "/bin", "VIRTUAL_ENV": "/repo/.venv"}, None, {"VIRTUAL_ENV": ""}),
        (
            {"PATH": "/bin", "VIRTUAL_ENV": "/repo/.venv"},
            "",
            {"PATH": "TREE/.venv/bin:/bin", "VIRTUAL_ENV": "TREE/.venv"},
        ),
        ({}, "api", {"PATH": f"TREE/api/.venv/bin:{os.defpath}", "VIRTUAL_ENV": "TREE/api/.venv"}),
        ({"UV_PROJECT_ENVIRONMENT": "/app/venv"}, None, {"UV_PROJECT_ENVIRONMENT": ".venv"}),
        (
            {"PYTHONPATH": "/repo/src:/repo:/repository/x:lib:"},
            None,
            {"PYTHONPATH": "TREE/src:TREE:/repository/x:lib:"},
        ),
    ],
    ids=[
        "nothing to change",
        "empty is unset",
        "another environment is left",
        "its own environment comes first",
        "the nearest environment",
        "uv must not change another's environment",
        "modules of the working tree",
    ],
)
def test_own_environment_points_into_the_worktree(
    tmp_path: Path, inherited: dict[str, str], venv: str | None, own: dict[str, str]
) -> None:
    directory = tmp_path / "api"
    directory.mkdir()
    for folder in [] if venv is None else [Path(), Path(venv)]:
        (tmp_path / folder / ".venv" / "bin").mkdir(parents=True, exist_ok=True)
    expected = {name: value.replace("TREE", str(tmp_path)) for name, value in own.items()}
    assert own_environment(directory, tmp_path, Path("/repo"), inherited) == expected


def test_own_environment_ignores_a_virtual_environment_above_the_worktree(tmp_path: Path) -> None:
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    tree = tmp_path / "tree"
    assert own_environment(tree / "api", tree, Path("/repo"), {}) == {}


@pytest.mark.parametrize(
    ("value", "shared_apart", "shared_together"),
    [
        ("sqlite:///./sample.db", False, True),
        ("sqlite+aiosqlite:////var/sample.db", True, True),
        ("sqlite:///./{side}.db", False, False),
        ("postgresql://me@host/sample", True, True),
        ("postgresql://me@host/{side}", False, False),
        ("redis://host/0", True, True),
        ("http://collector:4318", False, False),
        ("info", False, False),
    ],
)
def test_notices_name_stores_that_both_sides_share(
    value: str, shared_apart: bool, shared_together: bool
) -> None:
    for other, shared in (("/b", shared_apart), ("/a", shared_together)):
        target = Target(url="", command="x", environment={"STORE": value}, directory=Path("/a"))
        baseline = version_side(target, Version(), "baseline", "")
        candidate = version_side(replace(target, directory=Path(other)), Version(), "candidate", "")
        sentences = notices((Version(), Version()), (baseline, candidate), "")
        assert ["same STORE" in line and "{side}" in line for line in sentences] == [True] * shared


@pytest.mark.parametrize(
    ("baseline", "candidate", "noted"),
    [
        (Version(ref="main"), Version(), True),
        (Version(ref="main"), Version(ref="topic"), True),
        (Version(), Version(), True),
        (Version(ref="main"), Version(environment={"A": "1"}), False),
        (Version(), Version(command="x {port}"), False),
        (Version(url="http://a"), Version(url="http://b"), False),
        (Version(url="http://a"), Version(url="http://a"), True),
    ],
    ids=str,
)
def test_notices_say_when_nothing_differs(
    baseline: Version, candidate: Version, noted: bool
) -> None:
    sides = (
        version_side(TARGET, baseline, "baseline", ""),
        version_side(TARGET, candidate, "candidate", ""),
    )
    sentences = notices((baseline, candidate), sides, "commit 1a2b3c4d")
    assert sentences == (
        ["both sides are commit 1a2b3c4d: every difference is noise"] if noted else []
    )
