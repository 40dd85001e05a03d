import pytest

from harness.diagnose.functions import (
    busy,
    handler_times,
    hot_functions,
    loop_stacks,
    place_of,
    samples_of_a_thread,
    without_waiting,
)
from harness.runs.recording.profile import Stack, StackFrame
from tests.unit.diagnose.spans import stack

LIB = "/srv/.venv/lib/python3.12/site-packages"
STDLIB = "/usr/lib/python3.12"
LOOP = (f"run_forever {STDLIB}/asyncio/base_events.py:603",)
SELECT = (
    *LOOP,
    f"_run_once {STDLIB}/asyncio/base_events.py:1869",
    f"select {STDLIB}/selectors.py:468",
)

# A server of the standard library that the service's own code runs, and a request in its thread.
SERVER = ("<module> /srv/server.py:20", f"serve_forever {STDLIB}/socketserver.py:235")
HANDLED = (
    f"_handle_request_noblock {STDLIB}/socketserver.py:318",
    f"process_request {STDLIB}/socketserver.py:349",
    f"handle_one_request {STDLIB}/http/server.py:424",
)
THREAD = (f"Thread.run {STDLIB}/threading.py:982",)
ROUTING = f"run_endpoint_function {LIB}/fastapi/routing.py:212"
MIDDLEWARE = (f"__call__ {LIB}/starlette/applications.py:112", "__call__ /srv/app/mid.py:9")


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


def test_comprehension_is_a_part_of_its_function() -> None:
    pieces = "plant.<locals>.pieces"
    parts = [f"{pieces}.<locals>.<listcomp>", f"{pieces}.<locals>.<genexpr>", pieces]
    (found,) = hot_functions(
        [stack(5, f"{name} /srv/a.py:{9 + n}") for n, name in enumerate(parts)]
    )
    assert (found.frame.function, found.frame.line, found.samples) == (pieces, 9, 15)


def test_comprehensions_before_python_3_11_are_a_part_of_their_functions() -> None:
    def inner(name: str, line: int) -> Stack:
        outer = (f"handler /srv/api.py:{line}", f"{name} /srv/a.py:{line}")
        return stack(5, *outer, f"<listcomp> /srv/a.py:{line + 1}")

    found = hot_functions([inner("load", 3), inner("save", 13), stack(2, "<genexpr> /srv/b.py:1")])
    assert [(one.frame.function, one.frame.line, one.samples) for one in found] == [
        ("load", 4, 5),
        ("save", 14, 5),
        ("<genexpr>", 1, 2),
    ]


def test_code_that_starts_the_event_loop_does_not_keep_it() -> None:
    start = ("<module> /srv/main.py:53",)
    server = stack(9, *start, *LOOP, f"send {LIB}/uvicorn/protocols/http.py:5")
    (found,) = hot_functions([server])
    assert (found.library, found.samples) == ("uvicorn", 9)
    handler = stack(2, *start, *LOOP, "handler /srv/main.py:7")
    assert [one.frame.function for one in hot_functions([server, handler])] == [
        "uvicorn",
        "handler",
    ]


# The service's own code starts the loop of uvloop, which is written in C.
UVLOOP = ("<module> /srv/main.py:20", f"run {STDLIB}/asyncio/runners.py:190")


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
        ((f"Runner.run {STDLIB}/asyncio/runners.py:118",), True),  # in the loop of uvloop, in C
        ((*UVLOOP, f"Runner.run {STDLIB}/asyncio/runners.py:118"), True),
        ((*UVLOOP, f"Runner.run {STDLIB}/asyncio/runners.py:118", "nap /srv/api.py:9"), False),
        ((f"_wait_for_tstate_lock {STDLIB}/threading.py:1132",), True),
        ((f"worker {STDLIB}/multiprocessing/pool.py:114",), True),
        ((f"SocketIO.readinto {STDLIB}/socket.py:706",), True),  # of another service's answer
        ((f"dumps {STDLIB}/json/__init__.py:231",), False),
        ((*SERVER, f"select {STDLIB}/selectors.py:415"), True),
        (SERVER, True),
        ((*SERVER, "service_actions /srv/server.py:12"), False),
        ((*SERVER, *HANDLED, "do_GET /srv/server.py:7"), False),
        ((*SERVER, *HANDLED, f"readinto {STDLIB}/socket.py:706"), True),
        (("<module> /srv/server.py:20", f"accept {STDLIB}/socket.py:294"), True),
    ],
)
def test_thread_that_waits_for_work(frames: tuple[str, ...], waits: bool) -> None:
    assert (busy([stack(1, *frames)]) == []) is waits


TIMER = (*THREAD, "flush /srv/app/metrics.py:5")
CONSUMER = (
    *(*THREAD, "consume /srv/app/jobs.py:8", f"get {STDLIB}/queue.py:171"),
    f"wait {STDLIB}/threading.py:327",
)
OWN_RUN = (f"Thread._bootstrap_inner {STDLIB}/threading.py:1045", "Timer.run /srv/app/beat.py:3")
SCRIPT = ("<module> /srv/.venv/bin/shop:8", "main /srv/app/main.py:50")
MODULE = ("_run_code <frozen runpy>:88", "<module> /srv/app/main.py:50")
CALLED = (f"run {STDLIB}/concurrent/futures/thread.py:58", "load /srv/app/data.py:7")


@pytest.mark.parametrize(
    ("frames", "running", "waits"),
    [
        (TIMER, 10, True),  # the profiler wakes it
        (TIMER, 95, False),
        (CONSUMER, 10, True),
        (OWN_RUN, 10, True),
        (SCRIPT, 10, True),
        ((*SCRIPT, f"run_app {LIB}/aiohttp/web.py:500"), 10, True),  # a loop in C
        (MODULE, 10, True),
        ((f"sleep {LIB}/gunicorn/arbiter.py:300",), 10, True),
        ((*THREAD, *CALLED), 0, False),  # a request may wait for it
        ((*THREAD, ROUTING, "one_item /srv/app/api.py:30"), 0, False),
        ((*SERVER, *HANDLED, "do_GET /srv/server.py:7"), 0, False),
        ((*LOOP, "handler /srv/app/api.py:1"), 0, False),  # all requests wait for it
    ],
)
def test_thread_that_serves_no_requests_is_idle_while_it_waits(
    frames: tuple[str, ...], running: int, waits: bool
) -> None:
    ran = [stack(running, *frames)] * bool(running) + [stack(90, "work /srv/b.py:2", thread="b")]
    wall, cpu = without_waiting([stack(100, *frames)], ran)
    assert (busy(wall) == []) is waits
    assert samples_of_a_thread(wall) == 100
    assert (stack(running, *frames) in busy(cpu)) is (running > 0 and not waits)
    assert busy(cpu)[-1] == ran[-1]


def test_without_a_profile_of_running_threads_nobody_is_known_to_wait() -> None:
    seen = (stack(100, *TIMER),)
    assert without_waiting(seen, []) == (seen, ())


def test_threads_of_an_event_loop() -> None:
    waiting, working = stack(5, *SELECT), stack(2, *LOOP, "handler /srv/app/api.py:1")
    other = stack(9, "work /srv/app/jobs.py:1", thread="worker")
    assert loop_stacks([waiting, other, working]) == [waiting, working]


def test_exporter_of_traces_works_for_the_recording_alone() -> None:
    exports = stack(5, "export /srv/app/tracing.py:3", thread="OtelBatchSpanRecordProcessor")
    assert busy([exports, stack(2, "export /srv/app/tracing.py:3")]) == [
        stack(2, "export /srv/app/tracing.py:3")
    ]


def test_threads_of_uvloop_are_those_below_its_runner() -> None:
    frames = (f"Runner.run {STDLIB}/asyncio/runners.py:118",)
    waiting, working = stack(5, *frames), stack(2, *frames, "handler /srv/app/api.py:1")
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


V8 = """TypeError: no price
    at Layer.handleRequest (/srv/node_modules/router/lib/layer.js:169:33)
    at AsyncLocalStorage.run (node:async_hooks:346:14)
    at price (/srv/app/prices.js:12:7)
    at /srv/app/app.js:33:34
"""


@pytest.mark.parametrize(
    ("stacktrace", "place"),
    [
        (V8, "/srv/app/prices.js:12"),
        (V8.replace("at price (/srv/app/prices.js:12:7)", "at <anonymous>"), "/srv/app/app.js:33"),
        ("Error\n    at async file:///srv/app/m.mjs:4:5", "/srv/app/m.mjs:4"),
        ("Error\n    at run (node:internal/main:1:2)", ""),
        ("java.lang.Error\n\tat shop.Price.of(Price.java:12)", ""),
        ("", ""),
    ],
)
def test_place_in_a_stack_trace_of_node(stacktrace: str, place: str) -> None:
    assert place_of(stacktrace) == place


def test_cpu_time_is_attributed_to_the_handlers() -> None:
    listing = (*LOOP, *MIDDLEWARE, ROUTING, "list_items /srv/app/api.py:10")
    found = handler_times(
        [
            stack(30, *listing, "load /srv/app/data.py:20"),
            # Another line, a package, and a response of the framework within the handler.
            stack(12, *listing[:-1], "list_items /srv/app/api.py:14", f"dumps {LIB}/orjson/x.py:3"),
            stack(8, *listing, f"render {LIB}/starlette/responses.py:180"),
            stack(25, f"run {LIB}/anyio/_backends/_asyncio.py:986", "one_item /srv/app/api.py:30"),
            stack(15, *LOOP, f"__call__ {LIB}/starlette/routing.py:7"),
            stack(10, "work /srv/app/jobs.py:1", thread="worker"),
            stack(500, *SELECT),  # waits for work
        ]
    )
    assert [(one.handler and one.handler.function, one.samples, one.share) for one in found] == [
        ("list_items", 50, 0.5),
        ("one_item", 25, 0.25),
        (None, 25, 0.25),
    ]


@pytest.mark.parametrize(
    "stacks",
    [
        pytest.param([], id="no profile"),
        pytest.param([stack(5, *SELECT)], id="only waiting"),
        pytest.param([stack(5, "serve /srv/app/main.py:3")], id="no known framework"),
    ],
)
def test_profile_without_handlers_attributes_nothing(stacks: list[Stack]) -> None:
    assert handler_times(stacks) == []


def test_profile_was_taken_as_often_as_its_busiest_thread_was_seen() -> None:
    stacks: list[Stack] = [
        stack(30, "handler /srv/app/api.py:3", thread="one"),
        stack(20, "load /srv/app/api.py:8", thread="one"),
        stack(49, "load /srv/app/api.py:8", thread="two"),
    ]
    assert samples_of_a_thread(stacks) == 50
    assert samples_of_a_thread([]) == 0
