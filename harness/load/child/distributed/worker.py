"""Inside a worker: one that the harness has started itself, or a stock Locust of another machine.

Both run the same agent. What it hears and tells passes as Locust messages between it and the
master, of one type, whose data are our frames.
"""

from __future__ import annotations

import atexit
import os
import platform
import random
import re
import socket
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import gettempdir
from typing import Any

import gevent
import locust
from gevent.event import AsyncResult
from locust import argument_parser, events
from locust.env import Environment
from locust.exception import RPCError
from locust.runners import WorkerRunner

from harness.load.child.agent import Agent, notice_to
from harness.load.child.locustfile import RefusalError, adopt
from harness.load.child.orders import ControlChannel, DismissedError
from harness.load.child.recording import Recorder
from harness.load.child.wrapping import install
from harness.load.protocol.frames import Bye, Decoder, Frame, Refused, Setup, Welcome, encode
from harness.load.protocol.master import CHANNEL, RUN_ID
from harness.load.protocol.workers import Hello, Join, Ping, Pong

SILENCE = 3.0  # s without a ping of the master
SHIPPED = r".*_[0-9a-f]{16}\.py"  # names of the files that it sends


class MasterLink(ControlChannel):
    """Sends frames to the master, and keeps those that it sends.

    Attributes:
        welcome: The frame, once it has come.
    """

    def __init__(self, runner: WorkerRunner) -> None:
        super().__init__()
        self._runner = runner
        self.welcome: AsyncResult[Welcome] = AsyncResult()
        runner.register_message(CHANNEL, self._receive)

    def send(self, frame: Frame) -> None:
        """Send a frame. When nobody listens any more, `watch` ends the load."""
        with suppress(RPCError):
            self._runner.send_message(CHANNEL, encode(frame))  # type: ignore[arg-type]

    def _receive(self, msg: Any, **_: object) -> None:
        here = time.monotonic()
        for frame in Decoder().feed(msg.data):
            if isinstance(frame, Ping):
                self.send(Pong(frame.at, here))
            elif isinstance(frame, Welcome):
                self.welcome.set(frame)
            elif isinstance(frame, Refused):
                self.end(f"{frame.message}. {frame.hint}")
            self.keep(frame)


def serve(
    setup: Setup,
    recorder: Recorder,
    environment: Environment,
    run_id: str,
    prepare: Callable[[], None] = lambda: None,
) -> None:
    """Join the master's run, carry it out, and leave no user behind.

    Args:
        setup: What to do; its `role` does not matter.
        recorder: Has been installed before the locustfile was imported.
        environment: With a worker's runner.
        run_id: Of the run that this worker is meant for.
        prepare: Called once it has introduced itself; may raise RefusalError.
    """
    runner: Any = environment.runner
    # For each user that comes or goes Locust builds its parser of the command line 80 times over,
    # which takes 0.3 s.
    argument_parser.default_args_dict = cache(argument_parser.default_args_dict)
    link = MasterLink(runner)
    recorder.on_notice = notice_to(link)
    versions = {
        "locust": locust.__version__,
        "gevent": gevent.__version__,
        "python": platform.python_version(),
    }
    link.send(Hello(run_id, socket.gethostname(), os.getpid(), versions))
    try:
        prepare()
        runner.worker_index = link.before_stop(link.welcome).index
        random.seed(setup.workload.seed + runner.worker_index)
        gevent.spawn(link.watch, SILENCE, "the master")
        Agent(setup, link, recorder, environment, owns_process=isinstance(setup.role, Join)).run()
    except RefusalError as refusal:
        link.send(Refused(refusal.message, refusal.hint))
    except DismissedError:
        pass
    except SystemExit as leave:
        link.send(Bye(f"the locustfile called sys.exit({leave.code!r})"))
    if link.stop.ready() and isinstance(why := link.stop.get(), str):
        _log(why)
    environment.stop_timeout = 0.0  # for whom Locust stops from now on
    runner.user_greenlets.kill(block=False)
    # The others may still drain. In the end the master says `quit`, which ends the runner.
    link.listen_until(SILENCE, lambda: not runner.greenlet)


def enlist(encoded: bytes) -> None:
    """Make the stock Locust worker that imports this one of ours, once its runner exists.

    Args:
        encoded: The frame `Setup`.
    """
    (setup,) = Decoder().feed(encoded)
    assert isinstance(setup, Setup)
    recorder = Recorder(_log, setup.trace_ratio)
    install(recorder)
    random.seed(setup.workload.seed)

    @events.init.add_listener  # type: ignore[untyped-decorator]
    def begin(environment: Environment, runner: object, **_: object) -> None:
        if isinstance(runner, WorkerRunner):
            gevent.spawn(_take_part, setup, recorder, environment)


def _log(text: str) -> None:
    sys.stderr.write(f"{text}\n")


def _take_part(setup: Setup, recorder: Recorder, environment: Environment) -> None:
    here = replace(setup, locustfile=(environment.parsed_locustfiles or [""])[-1], role=None)
    run_id = os.environ.get(RUN_ID, "")
    environment.process_exit_code = 0  # the verdict is the harness's
    atexit.register(_forget_shipment, environment.parsed_locustfiles or [])
    serve(here, recorder, environment, run_id, prepare=lambda: adopt(environment, here))
    assert environment.runner is not None
    environment.runner.quit()


def _forget_shipment(files: Iterable[str]) -> None:
    """Locust leaves what the master has sent in the folder for temporary files."""
    for path in map(Path, files):
        if path.parent == Path(gettempdir()) and re.fullmatch(SHIPPED, path.name):
            path.unlink(missing_ok=True)
