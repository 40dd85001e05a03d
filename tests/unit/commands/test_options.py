"""The command line: what its options are read as, and what is refused before anything runs."""

from argparse import Namespace
from dataclasses import replace
from pathlib import Path

import pytest

from harness.budgets.model import Plan, Target
from harness.cli import COMMANDS, main, parser
from harness.commands.parts.inputs import with_metrics
from harness.errors import UsageError
from harness.runs.calibration import path_of


def read(*arguments: str) -> dict[str, object]:
    return vars(parser(COMMANDS).parse_args(arguments))


@pytest.mark.parametrize(
    ("arguments", "option", "value"),
    [
        ("run", "workers", None),
        ("run --workers 4", "workers", 4),
        ("run --workers auto", "workers", "auto"),
        ("capacity --workers auto", "workers", "auto"),
        ("run --expect-workers 3", "expect_workers", 3),
        ("run --expect-workers 3", "bind", None),
        ("run --bind 10.0.0.5", "bind", ("10.0.0.5", 5557)),
        ("run --bind master.internal:6000", "bind", ("master.internal", 6000)),
        ("run --run-id nightly-2026.11_a", "run_id", "nightly-2026.11_a"),
        ("run --on-worker-loss continue", "on_worker_loss", "continue"),
        ("run --worker-secret-file a", "worker_secret_file", Path("a")),
        ("worker --master 10.0.0.5", "master", ("10.0.0.5", 5557)),
        ("worker --master gate:6000 --worker-secret-file a", "worker_secret_file", Path("a")),
        ("worker --master gate --timeout 10s", "timeout", 10.0),
    ],
)
def test_option_is_read_as(arguments: str, option: str, value: object) -> None:
    assert read(*arguments.split())[option] == value


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("--workers", "many"), "is not a whole number above zero"),
        (("--workers", "0"), "is not a whole number above zero"),
        (("--workers", "1.5"), "is not a whole number above zero"),
        (("--expect-workers", "-1"), "is not a whole number above zero"),
        (("--expect-workers", "auto"), "is not a whole number above zero"),
        (("--bind", "127.0.0.1:0"), "is not an address"),
        (("--bind", "127.0.0.1:65536"), "is not an address"),
        (("--bind", "127.0.0.1:http"), "is not an address"),
        (("--bind", "::1:5557"), "is not an address"),
        (("--bind", ":5557"), "is not an address"),
        (("--bind", ""), "is not an address"),
        (("--run-id", "a b; c"), "is not a run id"),
        (("--run-id", ""), "is not a run id"),
        (("--run-id", "x" * 65), "is not a run id"),
        (("--on-worker-loss", "wait"), "invalid choice"),
        (("--workers", "257"), "must be at most 256"),
        (("--expect-workers", "999999999"), "must be at most 256"),
        (("--users", "100001"), "must be at most 100000"),
        (("--users", "9" * 401), "is not a whole number above zero"),
        (("--rate", "1e308"), "must be at most 1000000/s"),
        (("--rate", "0.1/h"), "must be at least 1/h"),
        (("--duration", "1e308s"), "must be at most 30d"),
        (("--duration", "999ms"), "must be at least 1s"),
        (("--warm-up", "31d"), "must be at most 30d"),
        (("--max-duration", "31d"), "must be at most 30d"),
        (("--url", "foo"), "is not a URL; write http://host:port"),
        (("--url", "http://"), "is not a URL"),
        (("--url", "http://:80"), "is not a URL"),
        (("--url", "http://a:99999"), "is not a URL"),
        (("--url", "http://.example.org"), "is not a URL"),
        (("--url", f"http://{'a' * 64}.org"), "is not a URL"),
        (("--metrics", "/metrics"), "is not a URL"),
        (("--bind", "a..b:5557"), "is not an address"),
        (("--serve-metrics", "a..b:9000"), "is not a port to listen on"),
    ],
    ids=str,
)
def test_bad_value_of_an_option_is_refused(arguments: tuple[str, ...], expected: str) -> None:
    with pytest.raises(UsageError) as refused:
        read("run", *arguments)
    assert expected in refused.value.message
    assert refused.value.hint == "`harness run --help` lists the options"


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ("", "error: the following arguments are required: COMMAND\nhint: `harness --help` lists"),
        ("rnu", "error: there is no command 'rnu'\nhint: did you mean `run`? `harness --help`"),
        ("xyz", "error: there is no command 'xyz'\nhint: `harness --help` lists the commands"),
        (
            "run --scenario load",
            "error: unrecognized arguments: --scenario\nhint: the scenario needs no option",
        ),
        ("run --nope", "error: unrecognized arguments: --nope\nhint: `harness COMMAND --help`"),
        ("check", "error: the following arguments are required: RUN_DIR\nhint: `harness check"),
    ],
)
def test_bad_command_line_is_one_error_with_a_hint(
    capsys: pytest.CaptureFixture[str], line: str, error: str
) -> None:
    with pytest.raises(SystemExit) as end:
        main(line.split())
    assert end.value.code == 2
    text = capsys.readouterr().err
    assert text.startswith(error)
    assert "usage:" not in text


def project(
    folder: Path,
    locustfile: str = "import locust\n",
    target: str = "url: 'http://127.0.0.1:1'",
    budgets: str = "p95: {indicator: api_latency, max: 1s}",
) -> Path:
    """A budgets.yaml with one scenario, and its locustfile."""
    (folder / "load.py").write_text(locustfile)
    (folder / "budgets.yaml").write_text(
        f"{{version: 1, service: shop, target: {{{target}}},"
        " scenarios: {smoke: {locustfile: load.py, rate: 50/s, duration: 20s}},"
        f" budgets: {{{budgets}}}}}"
    )
    return folder / "budgets.yaml"


def test_lint_finds_a_syntax_error_of_a_locustfile(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    budgets = project(
        tmp_path,
        locustfile="import locust\nclass User(\n",
        budgets="errors: {indicator: error_ratio, max: 1%}",
    )
    with pytest.raises(SystemExit) as end:
        main(["lint", "--budgets", str(budgets)])
    assert end.value.code == 2
    assert f"{tmp_path}/load.py:2: SyntaxError: '(' was never closed" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["lint", "run", "compare --baseline main"])
def test_ca_file_is_checked_before_anything_runs(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    budgets = project(
        tmp_path,
        target="url: 'https://127.0.0.1:1', ca_file: ca.pem",
        budgets="errors: {indicator: error_ratio, max: 1%}",
    )
    with pytest.raises(SystemExit) as end:
        main([*command.split(), "--budgets", str(budgets)])
    assert end.value.code == 2
    assert f"cannot use {tmp_path}/ca.pem: No such file" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["run", "lint", "render"])
def test_hint_without_a_budgets_file_names_init(
    command: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as end:
        main([command])
    assert end.value.code == 2
    assert capsys.readouterr().err == (
        "error: budgets.yaml does not exist\n"
        "hint: name the file with --budgets, or write one with `harness init`\n"
    )


def test_ca_file_of_init_is_checked_before_anything_runs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "ca.pem"
    file.write_text("no certificate")
    given = f"--url https://127.0.0.1:1 --ca-file {file} --path / --output {tmp_path}"
    with pytest.raises(SystemExit) as end:
        main(["init", *given.split()])
    assert end.value.code == 2
    assert f"--ca-file: cannot use {file}: it has no certificate in PEM" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("command", "hint"),
    [
        ("PORT={port} node server.js", "write `env PORT={port} node server.js`"),
        ("PORT=8000 node server.js", "write `env PORT=8000 node server.js`"),
        ("cd app && node server.js {port}", "write sh -c 'cd app && node server.js {port}'"),
    ],
)
def test_command_of_init_that_needs_a_shell_is_bad_usage(
    command: str, hint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        main(["init", "--command", command, "--output", str(tmp_path)])
    assert end.value.code == 2
    error = capsys.readouterr().err
    assert error.startswith("error: --command: the command ")
    assert f"hint: {hint}" in error


@pytest.mark.parametrize("file", ["out", "out/scenarios"])
def test_init_finds_a_file_in_place_of_a_folder_before_anything_runs(
    file: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / file).parent.mkdir(exist_ok=True)
    (tmp_path / file).write_text("")
    with pytest.raises(SystemExit) as end:
        main(["init", "--url", "http://127.0.0.1:1", "--output", str(tmp_path / "out")])
    assert end.value.code == 2
    error = f"error: {tmp_path / file} is not a folder that can be written\n"
    assert capsys.readouterr().err.startswith(error)


def test_calibration_that_cannot_be_stored_is_refused_before_anything_runs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    budgets = project(
        tmp_path, budgets="p95: {indicator: api_latency, max: 1s, max_regression: 10%}"
    )
    path_of(budgets).parent.write_text("")
    with pytest.raises(SystemExit) as end:
        main(["calibrate", "--budgets", str(budgets)])
    assert end.value.code == 2
    assert capsys.readouterr().err.startswith(f"error: cannot write {tmp_path}/")


def test_metrics_option_replaces_the_addresses_of_the_target() -> None:
    options = Namespace(**read("lint", "--url", "http://a", "--metrics", "http://a:9100/metrics"))
    plan = Plan("shop", None, {}, (), Path("budgets.yaml"), "")
    target = Target(url="http://b", metrics=("/metrics",), exporters=("http://c/metrics",))
    for given in (plan, replace(plan, target=target)):
        found = with_metrics(given, options).target
        assert found is not None
        assert found.metrics == ("http://a:9100/metrics",)
        assert found.exporters == ()
    with pytest.raises(UsageError, match="--metrics belongs to a running service"):
        with_metrics(plan, Namespace(url=None, metrics=["http://a:9100/metrics"]))


def test_selftest_and_lint_have_no_workers() -> None:
    for command in ("selftest", "lint"):
        assert "workers" not in read(command)


@pytest.mark.parametrize(
    ("command", "option", "text"),
    [
        ("run", "--workers N|auto", "auto: the number of CPUs that the harness may use"),
        ("run", "--max-duration TIME", "(default: that of the scenario, otherwise three times"),
        ("run", "--run-id ID", "id that each worker must send (default: random)"),
        ("run", "--bind", "(default: 127.0.0.1:5557); any other needs a secret"),
        ("capacity", "--workers N|auto", "auto: the number of CPUs that the harness may use"),
        ("capacity", "--from RATE", "(default: capacity.from of the scenario, otherwise its"),
        ("capacity", "--to RATE", "(default: capacity.to of the scenario, otherwise none)"),
        ("capacity", "--for TIME", "(default: capacity.for of the scenario, otherwise 10m)"),
        ("capacity", "--max-regression", "(default: capacity.max_regression of the scenario)"),
        ("compare", "--for TIME", "(default: capacity.for of the scenario, otherwise 10m)"),
        ("diagnose", "RUN_DIR", "folder of a stored run or comparison"),
        ("init", "--scenario NAME", "name of the scenario (default: load)"),
    ],
)
def test_help_names_the_default_that_holds(
    command: str, option: str, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        parser(COMMANDS).parse_args([command, "--help"])
    shown = " ".join(capsys.readouterr().out.split())
    start = shown.rindex(option)  # behind the usage, which has it too
    assert text in shown[start : start + 250]


UNREADABLE = {
    "a folder as budgets.yaml": (
        ("lint", "--budgets", "{folder}"),
        "cannot read {folder}: Is a directory",
        "name a file that can be read",
    ),
    "no token": (
        (
            *("render", "--budgets", "{budgets}", "--grafana-url", "http://127.0.0.1:1"),
            *("--grafana-token-file", "{folder}"),
        ),
        "cannot read the token in {folder}: Is a directory",
        "correct the option that names the file",
    ),
}


@pytest.mark.parametrize(("command", "error", "hint"), UNREADABLE.values(), ids=UNREADABLE)
def test_file_that_cannot_be_read_is_refused_with_what_to_do(
    command: tuple[str, ...],
    error: str,
    hint: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    budgets = project(tmp_path)
    with pytest.raises(SystemExit) as end:
        main([word.format(folder=tmp_path, budgets=budgets) for word in command])
    assert end.value.code == 2
    shown = capsys.readouterr().err
    assert f"error: {error.format(folder=tmp_path)}\n" in shown
    assert f"hint: {hint}\n" in shown


def test_grafana_without_a_token_is_refused_before_the_load(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    budgets = project(tmp_path)
    options = ("--budgets", str(budgets), "--grafana-url", "http://127.0.0.1:1")
    with pytest.raises(SystemExit) as end:
        main(["run", *options, "--out", str(tmp_path / "run")])
    assert end.value.code == 2
    assert "hint: add --grafana-token-file FILE" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
