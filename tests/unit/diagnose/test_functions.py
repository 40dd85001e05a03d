import pytest

from harness.diagnose.functions import busy, hot_functions, loop_stacks, place_of
from harness.runs.records.profile import Stack, StackFrame
from tests.unit.diagnose.spans import stack

LIB = "/srv/.venv/lib/python3.12/site-packages"
STDLIB = "/usr/lib/python3.12"
LOOP = (f"run_forever {STDLIB}/asyncio/base_events.py:603",)
SELECT = (
    *LOOP,
    f"_run_once {STDLIB}/asyncio/base_events.py:1869",
    f"select {STDLIB}/selectors.py:468",
)

THREAD = (f"Thread.run {STDLIB}/threading.py:982",)


def test_sample_counts_for_the_innermost_frame_of_the_services_own_code() -> None:
    found = hot_functions(
        [
            stack(3, "handler /srv/app/api.py:10", "load /srv/app/data.py:20"),
            stack(
                2, "handler /srv/app/api.py:10", "load /srv/app/data.py:21", f"dumps {LIB}/x/y.py:3"
            ),
            stack(4, f"dispatch {LIB}/starlette/routing.py:7"),
            stack(1, f"dump {STDLIB}/json/encoder.py:5"),
        ]
    )
    assert [(one.frame.function, one.frame.file, one.frame.line, one.samples) for one in found] == [
        ("load", "/srv/app/data.py", 20, 5),
        ("starlette", "", 0, 4),
        ("json", "", 0, 1),
    ]
    assert [one.library for one in found] == ["", "starlette", "json"]


@pytest.mark.parametrize(
    ("frames", "waits"),
    [
        (SELECT, True),
        ((f"wait {STDLIB}/threading.py:359",), True),
        ((f"_worker {STDLIB}/concurrent/futures/thread.py:81",), True),
        (("main /srv/app/main.py:3", f"wait {STDLIB}/threading.py:359"), False),  # own code waits
        (("nap /srv/app/api.py:9",), False),
        ((f"dispatch {LIB}/starlette/routing.py:7",), False),
        ((*THREAD, f"take {LIB}/driver/core.py:59"), True),  # from a queue written in C
        ((*THREAD, f"take {LIB}/driver/core.py:63", f"query {LIB}/driver/core.py:9"), False),
        ((*THREAD, "work /srv/app/jobs.py:9"), False),
        ((), True),
    ],
)
def test_thread_that_waits_for_work(frames: tuple[str, ...], waits: bool) -> None:
    assert (busy([stack(1, *frames)]) == []) is waits


def test_threads_of_an_event_loop() -> None:
    waiting, working = stack(5, *SELECT), stack(2, *LOOP, "handler /srv/app/api.py:1")
    other = stack(9, "work /srv/app/jobs.py:1", thread="worker")
    assert loop_stacks([waiting, other, working]) == [waiting, working]


TRACEBACK = f'''Traceback (most recent call last):
  File "{LIB}/starlette/routing.py", line 74, in app
    response = await f(request)
  File "/srv/app/api.py", line 12, in read_item
    return store[item]
  File "{LIB}/store/__init__.py", line 5, in __getitem__
    raise KeyError(item)
KeyError: 7
'''


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (TRACEBACK, "/srv/app/api.py:12"),
        ("", ""),
        ("at Object.<anonymous> (/srv/app.js:3:7)", ""),
        (f'  File "{LIB}/a.py", line 3, in f', ""),
    ],
)
def test_place_of_an_exception(text: str, place: str) -> None:
    assert place_of(text) == place


def test_stack_without_frames_is_of_no_function() -> None:
    assert hot_functions([Stack((StackFrame("process 7"),), 2)])[0].library == "the interpreter"
