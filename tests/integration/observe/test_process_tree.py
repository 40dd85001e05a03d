import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from harness.observe.process_tree import ProcessTree, ProcessUsage

BURN = (
    "import time\n"
    "def burn(seconds):\n"
    "    end = time.process_time() + seconds\n"
    "    while time.process_time() < end: pass\n"
)
# Burns 0.3 s itself; its child burns 0.4 s and ends. Says "on" and waits at each step.
PARENT = (
    BURN + "import signal, subprocess, sys\n"
    "if 'disowns' in sys.argv: signal.signal(signal.SIGCHLD, signal.SIG_IGN)\n"
    "def step(word):\n"
    "    print(word, flush=True); sys.stdin.readline()\n"
    "burn(0.3)\n"
    "step('burnt')\n"
    f"child = subprocess.Popen([sys.executable, '-c', {BURN!r} + 'burn(0.4)\\nprint(1, flush=True)"
    "\\ninput()'], stdin=subprocess.PIPE, stdout=subprocess.PIPE)\n"
    "child.stdout.readline()\n"
    "step('child burnt')\n"
    "child.communicate(b'\\n')\n"
    "step('child gone')\n"
)


@pytest.fixture
def parent(request: pytest.FixtureRequest) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-c", PARENT, getattr(request, "param", "")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        yield process
        process.kill()


@pytest.fixture
def step(parent: subprocess.Popen[str]) -> Callable[[], None]:
    assert parent.stdin is not None
    assert parent.stdout is not None
    stdin, stdout = parent.stdin, parent.stdout

    def go() -> None:
        stdin.write("\n")
        stdin.flush()
        stdout.readline()

    stdout.readline()
    return go


def read(tree: ProcessTree) -> ProcessUsage:
    reading = tree.read()
    assert reading is not None
    return reading


def test_tree_counts_the_cpu_time_of_children_after_their_end(
    parent: subprocess.Popen[str], step: Callable[[], None]
) -> None:
    tree = ProcessTree(parent.pid)

    alone = read(tree)
    step()
    with_child = read(tree)
    step()
    without_child = read(tree)

    # The kernel counts CPU time in ticks of 10 ms.
    assert alone.cpu_seconds >= 0.29
    assert with_child.cpu_seconds >= alone.cpu_seconds + 0.38
    assert without_child.cpu_seconds >= with_child.cpu_seconds
    assert alone.start_time == without_child.start_time == psutil.Process(parent.pid).create_time()


@pytest.mark.parametrize("parent", ["disowns"], indirect=True)
def test_tree_never_decreases_when_a_childs_time_is_not_inherited(
    parent: subprocess.Popen[str], step: Callable[[], None]
) -> None:
    tree = ProcessTree(parent.pid)

    step()
    with_child = read(tree)
    step()
    process = psutil.Process(parent.pid)

    assert sum(process.cpu_times()[:4]) < with_child.cpu_seconds - 0.3
    assert read(tree).cpu_seconds >= with_child.cpu_seconds


def test_tree_counts_a_child_that_lived_between_two_readings(
    parent: subprocess.Popen[str], step: Callable[[], None]
) -> None:
    tree = ProcessTree(parent.pid)

    before = read(tree)
    step()
    step()

    assert read(tree).cpu_seconds >= before.cpu_seconds + 0.38


def test_tree_has_several_processes_and_leaves_one_out(
    parent: subprocess.Popen[str], step: Callable[[], None]
) -> None:
    step()  # from now on both wait
    (child,) = psutil.Process(parent.pid).children()
    whole = read(ProcessTree(parent.pid))
    both = read(ProcessTree(child.pid, parent.pid))
    alone = read(ProcessTree(child.pid))
    rest = read(ProcessTree(parent.pid, without=child.pid))

    assert both.cpu_seconds == pytest.approx(whole.cpu_seconds, abs=0.02)
    assert alone.cpu_seconds >= 0.38
    assert rest.cpu_seconds == pytest.approx(whole.cpu_seconds - alone.cpu_seconds, abs=0.02)
    assert both.start_time == child.create_time()


def test_tree_of_several_processes_ends_with_the_first_of_them(
    parent: subprocess.Popen[str], step: Callable[[], None]
) -> None:
    step()
    (child,) = psutil.Process(parent.pid).children()
    tree = ProcessTree(child.pid, parent.pid)
    read(tree)
    step()  # the child ends

    assert tree.read() is None


def test_tree_adds_up_the_memory_of_its_processes(
    parent: subprocess.Popen[str], step: Callable[[], None]
) -> None:
    step()
    root = psutil.Process(parent.pid)
    parts = [root, *root.children(recursive=True)]

    assert len(parts) == 2
    assert read(ProcessTree(parent.pid)).memory_bytes == pytest.approx(
        sum(part.memory_info().rss for part in parts), rel=0.05
    )


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux counts it")
def test_tree_adds_up_the_waiting_of_its_processes(
    parent: subprocess.Popen[str], step: Callable[[], None]
) -> None:
    def waited(pid: int) -> int:
        (file,) = Path(f"/proc/{pid}/task").glob("*/schedstat")  # neither has a second thread
        return int(file.read_text().split()[1])

    tree = ProcessTree(parent.pid)
    read(tree)
    step()
    root = psutil.Process(parent.pid)
    pids = [root.pid, *(child.pid for child in root.children(recursive=True))]

    before = sum(map(waited, pids))
    found = read(tree).wait_seconds
    after = sum(map(waited, pids))
    step()
    of_the_rest = read(tree).wait_seconds

    assert len(pids) == 2
    assert found is not None
    assert of_the_rest is not None
    assert before / 1e9 <= found + 1e-9
    assert found <= after / 1e9 + 1e-9
    assert of_the_rest >= found


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the clock of a process is coarse")
def test_tree_reads_the_cpu_time_that_was_burnt_to_the_millisecond() -> None:
    """The files of procfs count ticks of 10 ms, which would be more than some of these times."""
    burns = (
        BURN + "import sys\nfor line in sys.stdin:\n"
        "    burn(float(line)); print(time.process_time(), flush=True)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", burns], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as burner:
        assert burner.stdin is not None
        assert burner.stdout is not None
        tree = ProcessTree(burner.pid)
        more = []
        for seconds in (0.021, 0.007, 0.113, 0.004):
            burner.stdin.write(f"{seconds}\n")
            burner.stdin.flush()
            told = float(burner.stdout.readline())
            more.append(read(tree).cpu_seconds - told)
        burner.stdin.close()
    # It has written, and goes to sleep; a host that is shared may count its pauses as well.
    assert 0 <= min(more) <= 0.005


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells it")
def test_tree_counts_context_switches_and_page_faults_of_all_processes() -> None:
    """A child that ends is counted: its parent inherits its page faults."""
    child = "b = bytearray(8_000_000); b[::4096] = b[::4096]"
    work = (
        "import subprocess, sys, time\n"
        "print(1, flush=True); sys.stdin.readline()\n"
        "for _ in range(200): time.sleep(1e-5)\n"
        f"subprocess.run([sys.executable, '-c', {child!r}])\n"
        "print(2, flush=True); sys.stdin.readline()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", work], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as worker:
        assert worker.stdin is not None
        assert worker.stdout is not None
        worker.stdout.readline()
        tree = ProcessTree(worker.pid)
        before = read(tree)
        worker.stdin.write("\n")
        worker.stdin.flush()
        worker.stdout.readline()
        after = read(tree)
        worker.stdin.close()
    assert None not in {before.switches, after.switches, before.faults, after.faults}
    assert (after.switches or 0) - (before.switches or 0) >= 200  # each sleep gives the CPU away
    assert (after.faults or 0) - (before.faults or 0) >= 8_000_000 // 4096


def test_tree_of_an_ended_process_reads_nothing(parent: subprocess.Popen[str]) -> None:
    tree = ProcessTree(parent.pid)
    read(tree)

    parent.kill()
    while psutil.Process(parent.pid).status() != psutil.STATUS_ZOMBIE:  # until it is waited for
        pass
    of_a_zombie = tree.read()
    parent.wait()

    assert of_a_zombie is None
    assert tree.read() is None


@pytest.mark.skipif(not psutil.LINUX, reason="elsewhere a start is known by the clock only")
def test_case_3e_process_is_the_same_one_after_a_step_of_the_clock(
    parent: subprocess.Popen[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    tree = ProcessTree(parent.pid)
    first = tree.read()
    boot = psutil.boot_time()
    monkeypatch.setattr("psutil._pslinux.boot_time", lambda: boot - 6.0)
    second = tree.read()
    assert first is not None
    assert second is not None
    assert second.start_time == first.start_time
