"""What the time of a start goes into, by samples whose cause is known."""

from __future__ import annotations

from dataclasses import replace

from harness.diagnose.evidence.start import NOT_RECORDED, start_parts
from harness.runs.recording.profile import Stack, StackFrame
from tests.unit.diagnose.spans import stack
from tests.unit.diagnose.test_functions import LOOP, SELECT

SITE = "/venv/lib/python3.11/site-packages"
IMPORTS = (f"main {SITE}/uvicorn/main.py:4", "<module> /srv/shop/app.py:3")


def task(count: int, *frames: str, process: str = "process 7") -> Stack:
    inner = stack(count, *frames).frames[2:]
    return Stack((StackFrame(process), StackFrame("task"), *inner), count)


def of(process: int, one: Stack) -> Stack:
    return replace(one, frames=(StackFrame(f"process {process}"), *one.frames[1:]))


IDLE = stack(80, *SELECT)
STARTS = task(80, f"main {SITE}/uvicorn/lifespan/on.py:9", "start /srv/shop/app.py:20")
RUNS = stack(10, *LOOP, "start /srv/shop/app.py:20", "tables /srv/shop/data.py:7")
START = [IDLE, STARTS, RUNS]


def parts(start: list[Stack], after: list[Stack] | None = None) -> list[tuple[str, float, str]]:
    found = start_parts(start, after or []).causes
    return [(one.what, round(one.share, 3), one.place) for one in found]


def test_a_coroutine_that_waits() -> None:
    imported = stack(10, *IMPORTS, f"<module> {SITE}/sqlalchemy/__init__.py:8")
    analysis = start_parts([*START, imported], [])
    assert analysis.about == "the time until the service was ready, in a second start"
    cause = analysis.causes[0]
    assert (cause.kind, cause.what, cause.place) == ("function", "start()", "/srv/shop/app.py:20")
    assert cause.evidence == "it waits in 80 of 100 samples"
    assert cause.advice == "do this after the start, or its parts at the same time"
    assert cause.sign == "far more than each other function of the start"
    assert cause.share == 0.8
    assert cause.lower < 0.8 < cause.upper
    rest = [(one.what, one.share, one.sign) for one in analysis.causes[1:]]
    assert rest == [("tables()", 0.1, ""), ("import of sqlalchemy", 0.1, "")]


def test_a_timer_that_goes_on_is_not_the_start() -> None:
    timer = task(90, "beat /srv/shop/timer.py:4")
    assert parts([*START, timer], [task(5, "beat /srv/shop/timer.py:4")])[:2] == [
        ("start()", 0.889, "/srv/shop/app.py:20"),
        ("tables()", 0.111, "/srv/shop/data.py:7"),
    ]


def test_coroutines_that_wait_at_the_same_time_share_it() -> None:
    other = task(80, "warm /srv/shop/cache.py:4")
    found = start_parts([*START, other], []).causes
    assert [(one.what, round(one.share, 3), one.sign) for one in found] == [
        ("start()", 0.444, "far more than each other function of the start"),
        ("warm()", 0.444, "far more than each other function of the start"),
        ("tables()", 0.111, ""),
    ]


def test_a_package_is_never_a_cause_however_long_its_import_takes() -> None:
    below = "<module> /srv/shop/models.py:2"
    inner = [f"<module> {SITE}/sqlalchemy/__init__.py:8", "f <string>:1"]
    found = start_parts([stack(90, *IMPORTS, below, *inner), RUNS], []).causes
    assert [(one.kind, one.what, one.share, one.sign) for one in found] == [
        ("function", "tables()", 0.1, ""),
        ("library", "import of sqlalchemy", 0.9, ""),
    ]


def test_code_of_a_module_itself_is_named() -> None:
    (found, _) = start_parts([stack(90, *IMPORTS), RUNS], []).causes
    assert (found.what, found.place) == ("the module itself", "/srv/shop/app.py:3")
    assert found.evidence == "it runs in 90 of 100 samples"
    assert found.sign


def test_the_start_of_a_server_without_own_code() -> None:
    frames = (f"main {SITE}/uvicorn/main.py:4", f"load {SITE}/yaml/loader.py:2")
    assert parts([stack(40, *frames)]) == [("package yaml", 1.0, "")]


def test_the_process_that_serves_counts() -> None:
    # The first one only waits for the others.
    first = of(1, stack(500, "wait /usr/lib/python3.11/threading.py:320"))
    worker = [of(2, one) for one in START]
    assert parts([first, *worker])[0] == ("start()", 0.889, "/srv/shop/app.py:20")


def test_a_start_that_was_not_recorded() -> None:
    assert start_parts([], []).missing == NOT_RECORDED
    assert start_parts([replace(IDLE, count=29)], []).missing == NOT_RECORDED
