"""A profile by the functions of the service's own code."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from harness.runs.records.profile import Stack, StackFrame

# Where Python's own modules and installed packages are.
_INSTALLED: Final = re.compile(
    r"(^<)|(^$)|/(site|dist)-packages/|/lib(64)?/python3(\.\d+)?/|/[Ll]ib/python3|"
    r"/(bin|Scripts)/[^/]*$|\\lib\\site-packages\\"
)
_PACKAGE: Final = re.compile(r"/(?:site|dist)-packages/([^/]+)")
_STANDARD: Final = re.compile(r"/lib(?:64)?/python3(?:\.\d+)?/([^/]+)")
_TRACEBACK: Final = re.compile(r'File "(?P<file>[^"]+)", line (?P<line>\d+)')
# Functions in which a thread waits for work, by name and the end of the file.
_IDLE: Final = (
    ("select", "selectors.py"),
    ("wait", "threading.py"),
    ("get", "queue.py"),
    ("_worker", "thread.py"),
    ("accept", "socket.py"),
    ("run_forever", "base_events.py"),
    ("_run_once", "base_events.py"),
    ("run", "runners.py"),
)
_START: Final = ("Thread.run", "threading.py")  # calls the function of a thread


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
    """The innermost line of the service's own code in a stack trace of Python: "app/x.py:85"."""
    lines = [
        f"{match['file']}:{match['line']}"
        for match in _TRACEBACK.finditer(stacktrace)
        if is_own(StackFrame("", match["file"]))
    ]
    return lines[-1] if lines else ""


def is_waiting(stack: Stack) -> bool:
    """Whether a thread waits for work, not for something in the middle of it."""
    inner = next((frame for frame in reversed(stack.frames) if frame.file), None)
    if inner is None or any(map(is_own, stack.frames[-3:])):
        return inner is None
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


def hot_functions(stacks: Sequence[Stack]) -> list[Hot]:
    """Functions by samples, the most frequent first.

    A sample counts for the innermost frame of the service's own code; without one for the package
    of its innermost frame.
    """
    lines: dict[tuple[str, str], dict[int, int]] = {}
    libraries: dict[str, int] = {}
    for stack in stacks:
        own = next((frame for frame in reversed(stack.frames) if is_own(frame)), None)
        if own is None:
            name = _package_of(stack)
            libraries[name] = libraries.get(name, 0) + stack.count
            continue
        of_function = lines.setdefault((own.function, own.file), {})
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
        if any(frame.function.endswith("run_forever") for frame in stack.frames)
    }
    return [stack for stack in stacks if _thread(stack) in threads]


def _thread(stack: Stack) -> tuple[str, ...]:
    """The frames without a file at the outside: process and thread."""
    return tuple(frame.function for frame in stack.frames[:2] if not frame.file)
