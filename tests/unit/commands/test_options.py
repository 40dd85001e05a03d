"""The command line: what its options are read as, and what is refused before anything runs."""

from pathlib import Path

import pytest

from harness.cli import COMMANDS, parser


def read(*arguments: str) -> dict[str, object]:
    return vars(parser(COMMANDS).parse_args(arguments))


@pytest.mark.parametrize(
    ("arguments", "option", "value"),
    [
        ("run", "workers", None),
        ("run --workers 4", "workers", 4),
        ("run --workers auto", "workers", "auto"),
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
    ],
    ids=str,
)
def test_bad_value_of_an_option_is_refused(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], expected: str
) -> None:
    with pytest.raises(SystemExit) as end:
        read("run", *arguments)
    assert end.value.code == 2
    assert expected in capsys.readouterr().err


def test_selftest_and_lint_have_no_workers() -> None:
    for command in ("selftest", "lint"):
        assert "workers" not in read(command)
