"""What a stream shows while a run goes on: a log gets lines, a terminal a view that is redrawn."""

import os
import pty
import re
from io import StringIO

import pyte
import pytest

from harness.commands.parts.progress import LiveView
from harness.judge.compare.model import Comparison
from harness.runs.model import Progress
from tests.unit.report.compare.cases import CASES
from tests.unit.report.run.test_live_view import COURSE, second


class Terminal(StringIO):
    """A stream that says it is a terminal, and can be looked at."""

    def isatty(self) -> bool:
        return True

    def lines(self) -> list[str]:
        """What a person sees: all lines with text, by an independent terminal."""
        screen = pyte.Screen(80, 24)
        pyte.Stream(screen).feed(self.getvalue().replace("\n", "\r\n"))
        return [line.rstrip() for line in screen.display if line.strip()]


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CI", "NO_COLOR", "FORCE_COLOR", "COLORTERM", "LINES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "80")


def shown(stream: StringIO, course: list[Progress], *, quiet: bool = False) -> str:
    with LiveView(stream, quiet=quiet, title="sample-app, scenario smoke") as live:
        for progress in course:
            live.show(progress)
    return stream.getvalue()


# --- a log ----------------------------------------------------------------------------------------


def test_log_gets_a_line_every_five_seconds_and_one_for_each_phase_and_decision() -> None:
    lines = shown(StringIO(), COURSE).splitlines()
    assert [re.sub(r" *\|.*", "", line) for line in lines] == [
        "warm-up    0:01/0:45",
        *(f"measuring  0:{n:02}/0:45" for n in (6, 11, 16, 21, 26)),
        "FAIL api-latency-p95: decided after 0:31",
        *("measuring  0:31/0:45", "measuring  0:36/0:45"),
    ]
    assert lines[-1] == (
        "measuring  0:36/0:45 | 47/s of 50/s | p95 47.2 ms | 4 errors | 3 in flight"
    )


@pytest.mark.parametrize(
    ("total", "most"),
    [(25.0, 6), (600.0, 62), (3600.0, 62), (86_400.0, 1442)],
    ids=["25 s", "10 min", "an hour", "a day"],
)
def test_log_of_a_long_run_stays_short(total: float, most: int) -> None:
    course = [
        second(6)._replace(elapsed=float(n), total=total, budgets=())
        for n in range(0, int(total), 5)
    ]
    assert most / 2 <= len(shown(StringIO(), course).splitlines()) <= most


@pytest.mark.parametrize(
    ("name", "value"), [("CI", "true"), ("TERM", "dumb")], ids=["a CI job", "a dumb terminal"]
)
def test_terminal_that_is_a_log_gets_no_control_codes(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    text = shown(Terminal(), COURSE)
    assert text == shown(StringIO(), COURSE)
    assert "\x1b" not in text
    assert "\r" not in text


@pytest.mark.parametrize("stream", [StringIO, Terminal])
def test_quiet_shows_nothing(stream: type[StringIO]) -> None:
    assert shown(stream(), COURSE, quiet=True) == ""


def test_comparison_gets_a_line_a_pair_in_a_log() -> None:
    stream = StringIO()
    with LiveView(stream, quiet=False) as live:
        live.print_line("note: a note")
        live.show_pair(comparison())
    assert stream.getvalue().splitlines() == [
        "note: a note",
        "pair 3 | api-latency-p95 +1.5% of 10% | 0 of 4 decided | 1.07 min of load",
    ]


# --- a terminal -----------------------------------------------------------------------------------


def comparison() -> Comparison:
    return CASES["interrupted"][0]


def test_terminal_shows_the_latest_view_once() -> None:
    stream = Terminal()
    live = LiveView(stream, quiet=False, title="sample-app, scenario smoke")
    for progress in COURSE:
        live.show(progress)
    lines = stream.lines()
    assert [line.split("  ")[0] for line in lines] == [
        "sample-app, scenario smoke",
        "━" * 71 + "─" * 9,
        *("rate", "p95", "errors", "in flight", "budgets"),
        "FAIL api-latency-p95",
    ]
    assert lines[0].endswith("measuring  0:40/0:45")
    assert lines[6] == "budgets    1 of 2 decided"


def test_terminal_is_left_as_it_was_when_the_report_follows() -> None:
    stream = Terminal()
    shown(stream, COURSE)
    stream.write("the report\n")
    assert stream.lines() == ["the report"]
    assert stream.getvalue().rindex("\x1b[?25h") > stream.getvalue().rindex("\x1b[?25l")


def test_line_that_stays_stands_above_the_view_of_a_comparison() -> None:
    stream = Terminal()
    live = LiveView(stream, quiet=False)
    live.show_pair(comparison())
    live.print_line("note: a long note " + "x" * 80)
    live.show_pair(comparison())
    lines = stream.lines()
    assert lines[0].startswith("note: a long note xxx")
    assert sum("api-latency-p95" in line for line in lines) == 1


def test_run_goes_on_when_its_terminal_is_closed() -> None:
    terminal, end = pty.openpty()
    with os.fdopen(end, "w") as stream, LiveView(stream, quiet=False, title="smoke") as live:
        live.show(COURSE[0])
        assert os.read(terminal, 10_000)
        os.close(terminal)
        live.show(COURSE[1])
        live.print_line("a line")


@pytest.mark.parametrize("no_color", ["1", None])
def test_terminal_has_colours_unless_they_are_unwanted(
    monkeypatch: pytest.MonkeyPatch, no_color: str | None
) -> None:
    if no_color:
        monkeypatch.setenv("NO_COLOR", no_color)
    text = shown(Terminal(), COURSE)
    assert os.environ.get("NO_COLOR") == no_color
    colours = re.findall(r"\x1b\[[0-9;]*3[0-9](?:;[0-9]+)*m", text)
    assert bool(colours) is (no_color is None)
