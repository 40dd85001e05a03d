"""The sampler within a service, in an interpreter of its own."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness.observe import inside
from harness.observe.inside.sitecustomize import folded, growth, waiting_tasks
from harness.runs.recording.growth import AllocationSite, read_growth
from harness.runs.recording.profile import Stack, read_stacks, total
from harness.runs.recording.profile import folded as of_process

HOOK = str(Path(inside.__file__).parent)
# A module of the programs: they end when enough was sampled, whenever they get a CPU.
SAMPLED = """
import os, pathlib, time

OUT = pathlib.Path(os.environ["HARNESS_INSIDE"])
END = time.monotonic() + 60

def files():
    assert time.monotonic() < END, "too little was sampled"
    return list(OUT.glob("*.folded"))

def count(*texts):
    lines = [line for path in files() for line in path.read_text().splitlines()]
    found = [line for line in lines if all(text in line for text in texts)]
    return sum(int(line.rpartition(" ")[2]) for line in found)
"""


def run(folder: Path, code: str, path: str = "", **environment: str) -> tuple[Path, str]:
    """Run code in a new interpreter with the sampler; where the program is, and its output."""
    program = folder / "program.py"
    program.write_text(code)
    (folder / "sampled.py").write_text(SAMPLED)
    (folder / "out").mkdir(exist_ok=True)
    named = {"HARNESS_INSIDE": str(folder / "out"), "PYTHONPATH": HOOK + path, **environment}
    done = subprocess.run(
        [sys.executable, str(program)],
        env={**os.environ, **named},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return program, done.stdout + done.stderr


def stacks(folder: Path) -> list[Stack]:
    found: list[Stack] = []
    for path in (folder / "out").glob("*.folded"):
        path.with_suffix(".all").write_text(of_process(int(path.stem), path.read_text()))
        found += read_stacks(path.with_suffix(".all"))
    return found


def innermost(found: list[Stack], program: Path) -> dict[tuple[str, str, int], int]:
    """Samples by kind, function and line of the innermost frame of the program."""
    counts: dict[tuple[str, str, int], int] = {}
    for one in found:
        own = [frame for frame in one.frames if frame.file == str(program)]
        if own:
            kind = one.frames[1].function.partition(" ")[0]
            key = (kind, own[-1].function, own[-1].line)
            counts[key] = counts.get(key, 0) + one.count
    return counts


WAITS = """
import asyncio
from sampled import count

async def timer():
    while True:
        await asyncio.sleep(0.02)

async def load():
    while min(count("task;", "timer ("), count("task;", "load (")) < 5:
        await asyncio.sleep(0.06)

async def main():
    asyncio.create_task(timer())
    await load()

asyncio.run(main())
"""


def test_a_coroutine_that_waits_is_on_its_tasks_stack(tmp_path: Path) -> None:
    program, _ = run(tmp_path, WAITS)
    counts = innermost(stacks(tmp_path), program)
    # The thread is in the event loop, which shows none of the two.
    assert {key for key in counts if key[0] == "task"} == {
        ("task", "timer", 7),
        ("task", "load", 11),
    }
    assert ("thread", "<module>", 17) in counts


def test_a_task_counts_only_while_it_waits() -> None:
    loop = asyncio.new_event_loop()
    event = asyncio.Event()

    async def wait() -> None:
        await event.wait()

    def step() -> None:
        loop.call_soon(loop.stop)
        loop.run_forever()

    task = loop.create_task(wait())
    try:
        assert waiting_tasks(loop) == []  # it has not begun
        step()
        (stack,) = waiting_tasks(loop)
        assert ["wait" in frame for frame in stack] == [True, True]
        event.set()
        assert waiting_tasks(loop) == []  # its next step is due
        step()
        assert task.done()
    finally:
        loop.close()


BELOW = """
import asyncio, os
from contextlib import asynccontextmanager
from sampled import count

async def connect():
    while count("task;", "connect (") < 20:
        await asyncio.sleep(0.02)
    os._exit(0)  # while all tasks wait

@asynccontextmanager
async def connected():
    await {wait}
    yield

async def main():
    async with connected():
        pass

asyncio.run(main())
"""


@pytest.mark.parametrize(
    "wait",
    [
        "connect()",
        "asyncio.create_task(connect())",
        "asyncio.wait_for(connect(), 600)",
        "asyncio.wait([asyncio.create_task(connect())])",
        "asyncio.gather(connect(), connect())",
        "asyncio.shield(connect())",
    ],
)
def test_of_tasks_that_wait_for_each_other_only_the_last_counts(tmp_path: Path, wait: str) -> None:
    program, _ = run(tmp_path, BELOW.replace("{wait}", wait))
    counts = innermost(stacks(tmp_path), program)
    # A sample may fall between two steps of a task.
    often = {key for key, count in counts.items() if key[0] == "task" and count >= 5}
    assert often == {("task", "connect", 8)}


RUNS = """
import time

def burn():
    end = time.process_time() + 0.6
    while time.process_time() < end:
        pass

burn()
"""


def test_a_function_that_runs_is_on_the_stack_of_the_thread(tmp_path: Path) -> None:
    program, _ = run(tmp_path, RUNS)
    counts = innermost(stacks(tmp_path), program)
    of_burn = sum(count for (_, name, _), count in counts.items() if name == "burn")
    assert of_burn >= 0.5 * sum(counts.values()) > 0


DIVIDED = """
import time
from sampled import OUT, count

def before():
    while not count("before ("):
        time.sleep(0.02)

def after():
    while not (count("after (") and list(OUT.glob("*.ready"))):
        time.sleep(0.02)

before()
(OUT / "ready").touch()
after()
"""


def test_samples_until_the_service_is_ready_are_written_apart(tmp_path: Path) -> None:
    run(tmp_path, DIVIDED)
    (ready,) = (tmp_path / "out").glob("*.ready")
    whole = ready.with_suffix(".folded").read_text()
    assert "before (" in whole
    assert "after (" in whole
    lines = [line for line in ready.read_text().splitlines() if "after (" in line]
    assert "before (" in ready.read_text()
    assert sum(int(line.rpartition(" ")[2]) for line in lines) <= 1  # as the file was made


def test_a_fork_is_sampled_too(tmp_path: Path) -> None:
    code = "while len(files()) < 2: time.sleep(0.02)\n"
    run(tmp_path, f"import os, time\nfrom sampled import files\nif os.fork(): os.wait()\n{code}")
    assert len(list((tmp_path / "out").glob("*.folded"))) == 2


def test_the_sitecustomize_of_the_service_is_imported(tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "sitecustomize.py").write_text("print('of the service')\n")
    code = "import sys; print(sys.modules['sitecustomize'].__file__, sys.path)"
    _, output = run(tmp_path, code, f"{os.pathsep}{tmp_path / 'own'}")
    first, second = output.splitlines()
    assert first == "of the service"
    assert second.startswith(str(tmp_path / "own" / "sitecustomize.py"))
    assert HOOK not in second


def test_an_error_of_the_sitecustomize_of_the_service_is_shown_as_without_the_sampler(
    tmp_path: Path,
) -> None:
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "sitecustomize.py").write_text("import missing_of_the_service\n")
    _, output = run(tmp_path, "print('runs')", f"{os.pathsep}{tmp_path / 'own'}")
    assert output.startswith("runs\n")
    assert "missing_of_the_service" in output


PROXY = """
from sampled import count

class Proxy:
    asked = set()

    @property
    def __class__(self):
        Proxy.asked.add("__class__")
        return Proxy

    def __getattr__(self, name):
        Proxy.asked.add(name)
        raise RuntimeError(name)

    def run(self):
        import asyncio
        Proxy.asked.clear()
        while count("run (") < 5:
            pass

Proxy().run()
print(sorted(Proxy.asked))
"""


def test_sampling_calls_no_code_of_the_service(tmp_path: Path) -> None:
    _, output = run(tmp_path, PROXY)
    assert output == "[]\n"
    assert stacks(tmp_path)


def test_sampling_survives_another_sleep(tmp_path: Path) -> None:
    code = "import time; real = time.sleep; time.sleep = lambda _: 1 / 0\n"
    run(tmp_path, f"{code}from sampled import count\nwhile count('') <= 10: real(0.05)\n")
    assert total(stacks(tmp_path)) > 10


def test_nothing_is_sampled_without_a_folder(tmp_path: Path) -> None:
    run(tmp_path, "import time; time.sleep(0.4)", HARNESS_INSIDE="")
    assert list((tmp_path / "out").iterdir()) == []


def test_the_service_does_not_notice_a_folder_that_is_missing(tmp_path: Path) -> None:
    _, output = run(tmp_path, "import time; time.sleep(0.4)", HARNESS_INSIDE=str(tmp_path / "no"))
    assert output == ""


LEAKS = """
import os, pathlib, time

out, kept, filled = pathlib.Path(os.environ["HARNESS_INSIDE"]), [], []

def leak():
    kept.append(bytearray(100_000))

def fill():
    filled.append(bytearray(300_000))

def reached(number):
    (out / f"snapshot-{number}").touch()
    while not (out / f"{os.getpid()}.snapshot-{number}").exists():
        time.sleep(0.02)

reached(1)
leak(); fill()
reached(2)
leak()
temporary = [bytearray(100_000)]
del temporary
reached(3)
"""


def test_memory_by_the_place_of_its_allocation(tmp_path: Path) -> None:
    program, _ = run(tmp_path, LEAKS, HARNESS_INSIDE_FRAMES="5")
    (path,) = (tmp_path / "out").glob("*.growth")
    sites = read_growth(path)
    own = [one for one in sites if one.frames[-1][0] == str(program)]
    added = {tuple(line for _, line in one.frames[-2:]): one.added for one in own}
    sizes = {lines: [round(size, -4) for size in each] for lines, each in added.items()}
    # By the line and that of its caller; what was released at line 21 is not there.
    assert {lines: each for lines, each in sizes.items() if any(each)} == {
        (18, 7): [100_000, 0],
        (18, 10): [300_000, 0],
        (20, 7): [0, 100_000],
    }
    assert list((tmp_path / "out").glob("*.folded")) == []


def test_text_of_stacks() -> None:
    assert folded({("thread (1): MainThread", "a;b (x.py:1)", "c\n (y.py:2)"): 3}) == (
        "thread (1): MainThread;a,b (x.py:1);c  (y.py:2) 3\n"
    )


def test_growth_is_the_difference_of_snapshots() -> None:
    a, b = (("b.py", 2), ("a.py", 1)), (("c.py", 3),)
    text = growth([{a: 10}, {a: 15}, {a: 22, b: 90}])
    assert text == "c.py:3 0 90\na.py:1;b.py:2 5 7\n"


def test_the_name_of_a_file_does_not_divide_a_line() -> None:
    text = growth([{}, {}, {(("a;b\n.py", 1),): 90}])
    assert text == "a,b .py:1 0 90\n"


@pytest.mark.parametrize(
    ("text", "sites"),
    [
        ("a.py:1;b.py:2 5 -7\n", (AllocationSite((("a.py", 1), ("b.py", 2)), (5, -7)),)),
        ("C:\\a b.py:1 5 7\n", (AllocationSite((("C:\\a b.py", 1),), (5, 7)),)),
        ("a.py:1 5 7\nb.py:2 5", (AllocationSite((("a.py", 1),), (5, 7)),)),
        ("", ()),
    ],
)
def test_growth_is_read(tmp_path: Path, text: str, sites: tuple[AllocationSite, ...]) -> None:
    (tmp_path / "growth.folded").write_text(text)
    assert read_growth(tmp_path / "growth.folded") == sites
