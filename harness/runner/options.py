"""What acts on a run or follows it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from harness.budgets.model import Scenario
from harness.judge.stopping.abort import AbortWatch
from harness.judge.stopping.decided import DecisionWatch
from harness.load.protocol.master import WorkerPool
from harness.observe.otlp.receiver import MOST
from harness.runner.start import LoadStart
from harness.runs.cells import Cell
from harness.runs.model import Manifest, Progress


class RunObserver(Protocol):
    """Follows a run while it goes on, e.g. to serve it to Prometheus."""

    def set_manifest(self, run: str, manifest: Manifest) -> None:
        """Replace the manifest of the run, whose folder has the name `run`."""

    def add_recorded(
        self, cells: Iterable[Cell], readings: Mapping[str, float], source: str
    ) -> None:
        """Add the cells of a generator's report, and replace its readings by metric name."""


def _show_nothing(_: Progress) -> None:
    return


def _tell_nothing(_: str) -> None:
    return


@dataclass(frozen=True, slots=True)
class DiagnosisOptions:
    """What is recorded of a run beyond what its verdict needs.

    Attributes:
        when: After which runs the load goes on, not judged, to find the cause.
        seconds: How long it goes on.
        most: Bytes of traces that are stored; at most half of them before the load goes on.
        listen: Address and port for traces; None receives those of a service that the harness
            starts, at a free port of 127.0.0.1.
        load: What the load is then, of `seconds`; None goes on with the load of the end of the run.
        begin: Returns the first moment of that load, of `time.monotonic`; None begins at once.
    """

    when: Literal["breach", "always", "never"] = "never"
    seconds: float = 15.0
    most: int = MOST
    listen: tuple[str, int] | None = None
    load: Scenario | None = None
    begin: Callable[[], Awaitable[float]] | None = None


@dataclass(frozen=True, slots=True)
class RunOptions:
    """Options of one run that budgets.yaml does not contain.

    Attributes:
        url: Of a service that already runs; None starts the target.
        pool: Where the workers of other machines connect; None starts processes on this machine.
        start: Decides when the load begins and ends early; None begins at once, and INT and TERM
            end the load.
        scrapes: Times of the scrapes between the edges of the window, in seconds after the load's
            begin; None scrapes at regular intervals.
        watch: Stops the load once the breach of a budget is certain; None never does.
        decision: Ends the run once every budget is decided; None never does.
        observer: Follows the run.
        diagnosis: What is recorded to find the cause of a breach.
        show: Called with the progress about once a second.
        tell: Called with a line for a person while the run waits for workers.
        note: Called with a line for each budget that filters by an unknown label, before the load,
            and for each one for which the run goes on beyond its planned end.
        announcement: Returns lines for `note` before the load; called while the service starts, in
            a thread.
    """

    url: str | None = None
    pool: WorkerPool | None = None
    start: LoadStart | None = None
    scrapes: Sequence[float] | None = None
    watch: AbortWatch | None = None
    decision: DecisionWatch | None = None
    observer: RunObserver | None = None
    diagnosis: DiagnosisOptions = DiagnosisOptions()
    show: Callable[[Progress], None] = _show_nothing
    tell: Callable[[str], None] = _tell_nothing
    note: Callable[[str], None] = _tell_nothing
    announcement: Callable[[], Sequence[str]] = tuple
