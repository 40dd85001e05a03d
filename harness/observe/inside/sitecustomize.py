"""Samples a Python service from within, from its first instruction on.

Python imports a module of this name when it starts, if it is in PYTHONPATH. The harness starts a
service with it only for a diagnosis, never while the service is measured. A profiler from outside
cannot see a coroutine that waits: it is on no stack. From within, its task tells where it waits.

The standard library only, and no package of the harness: the interpreter is that of the service.
"""

from __future__ import annotations

import gc
import os
import sys
from _thread import get_ident, start_new_thread
from time import monotonic, sleep  # gevent and others replace them in the module

TYPE_CHECKING = False  # as in typing, whose import takes time
if TYPE_CHECKING:
    from typing import Any

FOLDER = "HARNESS_INSIDE"  # variable: the folder for `PID.folded` and `PID.growth`
FRAMES_TRACED = "HARNESS_INSIDE_FRAMES"  # variable: traces memory, with so many frames
SNAPSHOT = "snapshot-"  # file: with the number of the snapshot of memory that is wanted
READY = "ready"  # file: the service is ready; what was counted until then goes to `PID.ready`
PERIOD = 0.01  # s between two samples
WRITE = 0.2  # s between two states of the file
MOST_STACKS = 5000
MOST_FRAMES = 200
MOST_TASKS = 50  # in a sample
MOST_SITES = 200  # that memory was allocated at
SNAPSHOTS = 3
DEPTH = 4  # of what a function refers to
MOST_OBJECTS = 200
FRAMES = ("cr_frame", "gi_frame", "ag_frame")
DONE = ("CANCELLED", "FINISHED")  # states of a future


class Sampler:
    """Counts the stacks of the main thread, and of tasks while no task runs.

    Args:
        folder: For the files.
        main: The id of the thread.
    """

    def __init__(self, folder: str, main: int) -> None:
        self.folder = folder
        self.main = main
        self.counts: dict[tuple[str, ...], int] = {}
        self.snapshots: list[dict[Any, int]] = []
        self.ready = False
        self.traced = int(os.environ.get(FRAMES_TRACED) or 0)

    def run(self) -> None:
        """Sample until the process ends."""
        due = monotonic()
        while True:
            sleep(PERIOD)
            try:
                if not self.traced:
                    self.divide()
                    self.sample()
                if monotonic() >= due:
                    if self.traced:
                        self.compare()
                    else:
                        self.write(".folded", folded(self.counts))
                    due = monotonic() + WRITE
            except Exception:  # noqa: BLE001, S110 - the service must not notice
                pass

    def divide(self) -> None:
        """Write what was counted when the service has become ready."""
        if not self.ready and os.path.exists(os.path.join(self.folder, READY)):  # noqa: PTH110, PTH118
            self.write(".ready", folded(self.counts))
            self.ready = True

    def sample(self) -> None:
        """Count the stack of the main thread, and those of tasks if it runs none."""
        frame = sys._current_frames().get(self.main)  # noqa: SLF001 - there is no other access
        if frame is None:
            return
        loop: Any = None
        frames: list[str] = []
        while frame is not None and len(frames) < MOST_FRAMES:
            if not frame.f_code.co_filename.startswith("<frozen importlib"):
                frames.append(place(frame))
            loop = loop or loop_of(frame)
            frame = frame.f_back
        self.add((f"thread ({self.main}): MainThread", *reversed(frames)))
        if loop is not None:
            for stack in waiting_tasks(loop):
                self.add(("task", *stack))

    def add(self, stack: tuple[str, ...]) -> None:
        """Count a stack."""
        if stack in self.counts or len(self.counts) < MOST_STACKS:
            self.counts[stack] = self.counts.get(stack, 0) + 1

    def compare(self) -> None:
        """Take the next snapshot of memory if it is wanted; write the growth after the last.

        Tracing begins with the first: a start with it takes several times as long.
        """
        number = len(self.snapshots) + 1
        if number > SNAPSHOTS or not os.path.exists(  # noqa: PTH110 - pathlib is slow to import
            os.path.join(self.folder, SNAPSHOT + str(number))  # noqa: PTH118
        ):
            return
        gc.collect()
        self.snapshots.append(allocated(self.traced))
        if number == SNAPSHOTS:
            self.write(".growth", growth(self.snapshots))
        self.write("." + SNAPSHOT + str(number), "")

    def write(self, ending: str, text: str) -> None:
        """Replace a file of this process."""
        path = os.path.join(self.folder, str(os.getpid()) + ending)  # noqa: PTH118
        with open(path + "~", "w", encoding="utf-8", errors="replace") as file:  # noqa: PTH123
            file.write(text)
        os.replace(path + "~", path)  # noqa: PTH105


def place(frame: Any) -> str:
    """A frame as "function (file:line)"."""
    code = frame.f_code
    name = getattr(code, "co_qualname", code.co_name).rpartition(".<locals>.")[2]
    return f"{name} ({code.co_filename}:{frame.f_lineno or 0})"


def loop_of(frame: Any) -> Any:
    """The event loop of asyncio that a frame runs; None if it runs none."""
    asyncio = sys.modules.get("asyncio")
    kind = getattr(asyncio, "AbstractEventLoop", None)
    if kind is None or "run" not in frame.f_code.co_name:
        return None
    values = frame.f_locals
    for value in (values.get("loop"), values.get("self")):
        for each in (value, attribute(value, "_loop")):
            if is_a(each, kind):
                return each
    return None


def attribute(value: Any, name: str) -> Any:
    """An attribute, without `__getattr__` of the service; None if there is none."""
    try:
        return object.__getattribute__(value, name)
    except AttributeError:
        return None


def is_a(value: Any, kind: type) -> bool:
    """Like `isinstance`, without the property `__class__` of a proxy in the service."""
    return issubclass(type(value), kind)


def waiting_tasks(loop: Any) -> list[tuple[str, ...]]:
    """The stacks of the tasks of a loop, from the outside in; empty while a task runs.

    A task that waits for another task is left out: the other one tells what both wait for. So is a
    task that waits for nothing: it has not begun, or what it waited for is done and its next step
    due.
    """
    asyncio: Any = sys.modules["asyncio"]
    if asyncio.current_task(loop) is not None:
        return []
    found = []
    tasks = list(asyncio.all_tasks(loop))[:MOST_TASKS]
    others = {number for task in tasks for number in (id(task), *reached(task, asyncio.Future))}
    for task in tasks:
        waits_for = getattr(task, "_fut_waiter", None)
        if waits_for is None or id(waits_for) in others or attribute(waits_for, "_state") in DONE:
            continue
        stack: list[str] = []
        awaited = task.get_coro()
        while awaited is not None and len(stack) < MOST_FRAMES:
            frame = first_of(awaited, *FRAMES)
            if frame is None:
                awaited = wrapped(awaited)
                continue
            stack.append(place(frame))
            awaited = first_of(awaited, "cr_await", "gi_yieldfrom", "ag_await")
        found.append(tuple(stack))
    return found


def reached(task: Any, future: Any) -> set[int]:
    """The ids of what the end of a task acts on, the future that others wait for among it.

    The functions that are called at its end hold them: `await`, `gather`, `wait` and `TaskGroup`
    each in another way.
    """
    found: set[int] = set()
    next_ones = [call for call, *_ in getattr(task, "_callbacks", None) or ()]
    for _ in range(DEPTH):
        next_ones = [
            inner
            for one in next_ones[:MOST_OBJECTS]
            if not is_a(one, future)
            and not (type(one) is dict and "__builtins__" in one)  # a whole module
            for inner in gc.get_referents(one)
            if id(inner) not in found
        ]
        found.update(map(id, next_ones))
    return found


def wrapped(awaitable: Any) -> Any:
    """The generator or coroutine that has a frame, of one that is awaited through another object.

    `async with` of a generator awaits an `async_generator_asend`, which does not tell its generator
    otherwise.
    """
    for one in gc.get_referents(awaitable):
        if first_of(one, *FRAMES) is not None:
            return one
    return None


def first_of(value: Any, *names: str) -> Any:
    """The first attribute that there is and that is not None."""
    for name in names:
        found = getattr(value, name, None)
        if found is not None:
            return found
    return None


def folded(counts: dict[tuple[str, ...], int]) -> str:
    """Stacks as lines of frames from the outside in, and the number of their samples."""
    found = []
    for stack, count in list(counts.items()):
        text = ";".join(map(plain, stack))
        found.append(f"{text} {count}\n")
    return "".join(found)


def plain(frame: str) -> str:
    """A frame without the characters that separate frames and lines."""
    return frame.replace(";", ",").replace("\n", " ")


def allocated(frames_traced: int) -> dict[Any, int]:
    """The bytes that are allocated now, by the frames that allocated them, the innermost first.

    The first call begins to trace, and finds none.
    """
    import tracemalloc

    if not tracemalloc.is_tracing():
        tracemalloc.start(frames_traced)
    found: dict[Any, int] = {}
    # Public access makes an object of each allocation, which takes ten times as long.
    for _, size, frames, *_ in tracemalloc.take_snapshot().traces._traces:  # type: ignore[attr-defined] # noqa: SLF001
        found[frames] = found.get(frames, 0) + size
    return found


def growth(snapshots: list[dict[Any, int]]) -> str:
    """Lines of frames, and the bytes that were added by each snapshot since the one before.

    A frame is "file:line"; the outermost is the first.
    """
    first, *later = snapshots
    added: dict[Any, list[int]] = {}
    for number, (before, after) in enumerate(zip([first, *later], later)):  # noqa: B905 - 3.9
        for frames in {**before, **after}:
            size = after.get(frames, 0) - before.get(frames, 0)
            if size and all(file != __file__ for file, _ in frames):
                added.setdefault(frames, [0] * len(later))[number] += size
    largest = sorted(added.items(), key=lambda one: -sum(one[1]))[:MOST_SITES]
    found = []
    for frames, sizes in largest:
        text = ";".join(f"{plain(file)}:{line}" for file, line in reversed(frames))
        found.append(text + " " + " ".join(map(str, sizes)) + "\n")
    return "".join(found)


def begin(folder: str) -> None:
    """Sample this process, and every process that it forks."""
    sample(folder)
    if hasattr(os, "register_at_fork"):
        # A thread does not live on in a fork.
        os.register_at_fork(after_in_child=lambda: sample(folder))


def sample(folder: str) -> None:
    """Sample the calling thread, from another one, if the process can have one more."""
    try:  # noqa: SIM105 - contextlib is not imported yet
        start_new_thread(Sampler(folder, get_ident()).run, ())
    except Exception:  # noqa: BLE001, S110 - the service must not notice
        pass


def hand_on() -> None:
    """Import the module of this name that is next in the path, which this one hides."""
    here = os.path.dirname(os.path.abspath(__file__))  # noqa: PTH100, PTH120
    own = sys.modules.pop("sitecustomize", None)
    sys.path[:] = [one for one in sys.path if os.path.abspath(one) != here]  # noqa: PTH100
    try:
        __import__("sitecustomize")
    except ImportError as error:
        if error.name != "sitecustomize":
            raise  # Python shows what fails in the service's own module
        if own is not None:
            sys.modules["sitecustomize"] = own


if os.environ.get(FOLDER) and __name__ == "sitecustomize":
    begin(os.environ[FOLDER])
    hand_on()
