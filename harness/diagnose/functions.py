"""A profile by the functions of the service's own code."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise, takewhile
from typing import Final

from harness.runs.recording.profile import Stack, StackFrame, total

FEWEST_SAMPLES: Final = 30  # of a profile, below which nothing is said of it

# Where Python's own modules and installed packages are.
_INSTALLED: Final = re.compile(
    r"(^<)|(^$)|/(site|dist)-packages/|/lib(64)?/python3(\.\d+)?/|/[Ll]ib/python3|"
    r"/(bin|Scripts)/[^/]*$|\\lib\\site-packages\\"
)
_PACKAGE: Final = re.compile(r"/(?:site|dist)-packages/([^/]+)")
_STANDARD: Final = re.compile(r"/lib(?:64)?/python3(?:\.\d+)?/([^/]+)")
_TRACEBACK: Final = re.compile(r'File "(?P<file>[^"]+)", line (?P<line>\d+)')
# "    at price (/srv/app.js:12:7)" or "    at /srv/app.js:12:7": V8, the innermost first.
_V8: Final = re.compile(
    r"^\s+at (?:.*\(|async )?(?:file://)?(?P<file>/[^():\n]+):(?P<line>\d+):\d+\)?$", re.MULTILINE
)
# Functions in which a thread waits, by the end of their name and of their file. A function written
# in C has no frame: the innermost one is that of its caller.
_IDLE: Final = (
    ("select", "selectors.py"),  # an event loop or a server without work
    ("run_forever", "base_events.py"),
    ("_run_once", "base_events.py"),
    ("run", "runners.py"),  # the loop of uvloop, which is written in C
    ("run", "uvloop/__init__.py"),
    ("wait", "threading.py"),  # a condition, an event
    ("_wait_for_tstate_lock", "threading.py"),  # the end of another thread
    ("get", "queue.py"),
    ("_worker", "thread.py"),  # a thread of a pool, which takes work from a queue
    ("worker", "pool.py"),
    ("readinto", "socket.py"),  # an answer of another service
    ("read", "ssl.py"),
    ("recv", "ssl.py"),
    ("communicate", "subprocess.py"),  # another process
    ("_try_wait", "subprocess.py"),
)
_NEAR: Final = 3  # innermost frames: one of the service's own among them waits itself
# Functions in which a thread waits for a connection: its handler is elsewhere, also where the
# service's own code calls them.
_ACCEPTING: Final = (("accept", "socket.py"), ("serve_forever", "socketserver.py"))
# The functions that run an event loop: asyncio's own, and uvloop's, which are written in C.
_LOOPS: Final = (
    ("run_forever", "base_events.py"),
    ("run", "asyncio/runners.py"),
    ("run", "uvloop/__init__.py"),
)
# The threads of OpenTelemetry that send traces: busy because every request is traced meanwhile.
_EXPORTER: Final = ": OtelBatch"
# Parts of a function with a frame of their own.
_INNER: Final = re.compile(r"(\.<locals>)?\.<(listcomp|genexpr|dictcomp|setcomp|lambda)>$")
_UNNAMED: Final = ("<listcomp>", "<genexpr>", "<dictcomp>", "<setcomp>")
_START: Final = ("Thread.run", "threading.py")  # calls the function of a thread
# Modules that call the function of a thread, of a process and of a program.
_STARTERS: Final = ("threading.py", "multiprocessing/process.py", "runpy.py", "<frozen runpy>")
_MODULE: Final = "<module>"  # of a script that starts the program
# Of the samples of a line, those of running threads: about 0.1 where it waits, 1 where it runs.
_RUNS: Final = 0.3
# Packages that call handlers; anyio calls those that are not coroutines, in its threads.
_CALLERS: Final = {
    *("starlette", "fastapi", "litestar", "flask", "quart", "django", "aiohttp", "sanic"),
    *("tornado", "falcon", "bottle", "anyio"),
}


@dataclass(frozen=True, slots=True)
class Hot:
    """A function and how much of a profile it has.

    Attributes:
        frame: Of the service's own code, with its busiest line; of a package when `library` is its
            name.
        samples: In which it is the innermost frame of the service's own code.
        library: The package that runs without any frame of the service's own code.
    """

    frame: StackFrame
    samples: int
    library: str = ""


def is_own(frame: StackFrame) -> bool:
    """Whether a frame is of the service's own code: not installed, not of Python."""
    return bool(frame.file) and not _INSTALLED.search(frame.file)


def place_of(stacktrace: str) -> str:
    """The innermost line of the service's own code in a stack trace: "app/x.py:85".

    Args:
        stacktrace: As Python or Node prints it; the place in others is not known.
    """
    for match in _V8.finditer(stacktrace):
        if "/node_modules/" not in match["file"]:
            return f"{match['file']}:{match['line']}"
    lines = [
        f"{match['file']}:{match['line']}"
        for match in _TRACEBACK.finditer(stacktrace)
        if is_own(StackFrame("", match["file"]))
    ]
    return lines[-1] if lines else ""


def is_waiting(stack: Stack) -> bool:
    """Whether a thread waits for work, or works for the recording alone."""
    return any(_EXPORTER in frame.function for frame in stack.frames[:2]) or is_idle(stack)


def is_idle(stack: Stack) -> bool:
    """Whether a thread waits for work."""
    inner = next((frame for frame in reversed(stack.frames) if frame.file), None)
    if inner is None:
        return True
    if any(_is_named(frame, *_ACCEPTING) for frame in stack.frames[-2:]):
        return _is_named(inner, *_IDLE, *_ACCEPTING)
    if any(map(is_own, islice(within_loop(stack), _NEAR))):
        return False
    if len(stack.frames) > 1 and _is_named(stack.frames[-2], _START):
        return True  # the function of the thread itself, which takes work from a queue written in C
    return _is_named(inner, *_IDLE)


def _is_named(frame: StackFrame, *functions: tuple[str, str]) -> bool:
    return any(
        frame.function.endswith(name) and frame.file.endswith(file) for name, file in functions
    )


def busy(stacks: Iterable[Stack]) -> list[Stack]:
    """The stacks of threads that do not wait for work."""
    return [stack for stack in stacks if not is_waiting(stack)]


def without_waiting(
    wall: Iterable[Stack], cpu: Iterable[Stack]
) -> tuple[tuple[Stack, ...], tuple[Stack, ...]]:
    """Two profiles in which threads that serve no requests are idle while they wait.

    A timer, a thread that takes work from a queue, and a main thread that has started a server
    delay requests only while they run. Where they wait, in a function written in C, their stack
    looks as if they ran, but is rare among those of running threads.

    Args:
        wall: Stacks of all threads; `cpu` those of running ones, for equally long. Without these
            it is not known who waits.
        cpu: Some of them wait: the profiler itself wakes threads.

    Returns:
        Both; the stack of such a thread, while it waits, has only process and thread.
    """
    wall, cpu = tuple(wall), tuple(cpu)
    looped = set(map(_thread, loop_stacks(wall)))
    seen: Counter[tuple[StackFrame, ...]] = Counter()
    for stack in wall:
        if _thread(stack) not in looped and not _is_called(stack):
            seen[_at(stack)] += stack.count
    ran: Counter[tuple[StackFrame, ...]] = Counter()
    for stack in cpu:
        ran[_at(stack)] += stack.count
    waits = {at for at, count in seen.items() if ran and ran[at] < _RUNS * count}

    def idle(stack: Stack) -> Stack:
        return Stack(stack.frames[:2], stack.count) if _at(stack) in waits else stack

    return tuple(map(idle, wall)), tuple(map(idle, cpu))


def _at(stack: Stack) -> tuple[StackFrame, ...]:
    """Process, thread, and the innermost frame."""
    return (*stack.frames[:2], stack.frames[-1])


def _is_called(stack: Stack) -> bool:
    """Whether something installed, such as a framework, calls the service's own code."""
    return any(
        is_own(frame)
        and not is_own(caller)
        and caller.function != _MODULE
        and not caller.file.endswith(_STARTERS)
        for caller, frame in pairwise(stack.frames)
        if caller.file
    )


def hot_functions(stacks: Sequence[Stack]) -> list[Hot]:
    """Functions by samples, the most frequent first.

    A sample counts for the innermost frame of the service's own code; without one for the package
    of its innermost frame. Code that only started the event loop is not what keeps it.
    """
    lines: dict[tuple[str, str], dict[int, int]] = {}
    libraries: dict[str, int] = {}
    for stack in stacks:
        frames = list(filter(is_own, within_loop(stack)))
        if not frames:
            name = _package_of(stack)
            libraries[name] = libraries.get(name, 0) + stack.count
            continue
        own = frames[0]
        of_function = lines.setdefault((_function_of(frames), own.file), {})
        of_function[own.line] = of_function.get(own.line, 0) + stack.count
    found = [
        Hot(
            StackFrame(function, file, max(counts, key=lambda line: counts[line])),
            sum(counts.values()),
        )
        for (function, file), counts in lines.items()
    ]
    found += [Hot(StackFrame(name), count, name) for name, count in libraries.items()]
    return sorted(found, key=lambda one: (-one.samples, one.frame.function))


def _function_of(frames: Sequence[StackFrame]) -> str:
    """The function of the first frame; before Python 3.11 only its caller's frame names it.

    Args:
        frames: Of the service's own code, from the inside out.
    """
    names = (_INNER.sub("", one.function) for one in frames if one.file == frames[0].file)
    return next((name for name in names if name not in _UNNAMED), frames[0].function)


def within_loop(stack: Stack) -> Iterator[StackFrame]:
    """The frames from the inside out, up to the function that runs an event loop."""
    return takewhile(lambda frame: not _is_named(frame, *_LOOPS), reversed(stack.frames))


def _package_of(stack: Stack) -> str:
    packages = filter(None, map(package_of, reversed(stack.frames)))
    return next(packages, "the interpreter")


def package_of(frame: StackFrame) -> str:
    """The installed package of a frame, or its module of Python; empty if it has neither."""
    match = _PACKAGE.search(frame.file) or _STANDARD.search(frame.file)
    return match[1].removesuffix(".py") if match else ""


def loop_stacks(stacks: Iterable[Stack]) -> list[Stack]:
    """The stacks of threads that run an event loop of asyncio."""
    threads = {
        _thread(stack)
        for stack in stacks
        if any(_is_named(frame, *_LOOPS) for frame in stack.frames)
    }
    return [stack for stack in stacks if _thread(stack) in threads]


def _thread(stack: Stack) -> tuple[str, ...]:
    """The frames without a file at the outside: process and thread."""
    return tuple(frame.function for frame in stack.frames[:2] if not frame.file)


@dataclass(frozen=True, slots=True)
class HandlerTime:
    """A handler and its part of the CPU time.

    Attributes:
        handler: Its frame; None for what runs in no handler, such as the framework itself.
        samples: In which it was on the stack.
        share: Of all samples.
        route: That it serves, if it serves one alone.
    """

    handler: StackFrame | None
    samples: int
    share: float
    route: str = ""


def handler_times(stacks: Iterable[Stack]) -> list[HandlerTime]:
    """Handlers by their part of a profile of running threads, the largest first.

    A handler is the innermost function of the service's own code that a web framework calls: own
    middleware, which it calls as well, is further outside.

    Returns:
        Empty if no handler is in the profile: it is of another framework or language.
    """
    found: dict[tuple[str, str] | None, int] = {}
    for stack in busy(stacks):
        handler = handler_of(stack)
        key = None if handler is None else (handler.function, handler.file)
        found[key] = found.get(key, 0) + stack.count
    samples = sum(found.values())
    if not found.keys() - {None}:
        return []
    times = [
        HandlerTime(None if key is None else StackFrame(*key), count, count / samples)
        for key, count in found.items()
    ]
    return sorted(times, key=lambda one: (one.handler is None, -one.samples, str(one.handler)))


def handler_of(stack: Stack) -> StackFrame | None:
    """The handler on a stack: the innermost function of the service that a framework calls."""
    called = [
        frame
        for caller, frame in pairwise(stack.frames)
        if is_own(frame) and not is_own(caller) and package_of(caller) in _CALLERS
    ]
    return called[-1] if called else None


def loop_occupation(wall: Iterable[Stack]) -> float:
    """The share of their time in which event loops do not wait for work; 0 with few samples."""
    loops = loop_stacks(wall)
    samples = total(loops)
    return total(busy(loops)) / samples if samples >= FEWEST_SAMPLES else 0.0


def samples_of_a_thread(wall: Iterable[Stack]) -> int:
    """How often a profile of all threads was taken: the samples of the thread that has most."""
    threads: Counter[tuple[str, ...]] = Counter()
    for stack in wall:
        threads[_thread(stack)] += stack.count
    return max(threads.values(), default=0)
