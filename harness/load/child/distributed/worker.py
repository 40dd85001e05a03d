"""Inside a worker: a process that the harness has started, or a Locust on another machine.

Both run the same agent. It exchanges frames with the master, each the data of a Locust message of
one type.
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
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import Any, assert_never

import gevent
import locust
from gevent.event import AsyncResult
from gevent.queue import Queue
from locust import argument_parser, events
from locust.env import Environment
from locust.exception import RPCError
from locust.runners import WorkerRunner, locust_exception_handler

from harness.load.child.agent import Agent, exit_code_of, notice_to
from harness.load.child.control_channel import ControlChannel, StoppedBeforeStartError
from harness.load.child.distributed.import_errors import remote_refusal, report_import_errors
from harness.load.child.locustfile.listeners import fire
from harness.load.child.locustfile.load import adapt
from harness.load.child.locustfile.refusal import RefusalError
from harness.load.child.recording import Recorder
from harness.load.child.wrapping import install
from harness.load.protocol.frames import (
    Bye,
    Decoder,
    Frame,
    Refused,
    Setup,
    Start,
    Stop,
    ToWorker,
    Welcome,
    encode,
)
from harness.load.protocol.master import CHANNEL, RUN_ID
from harness.load.protocol.workers import Hello, Join, Ping, Pong, Share, UsersAssigned

SILENCE = 3.0  # s without a ping of the master
RECEIVED_FILE = re.compile(r".*(_[0-9a-f]{16}\.py)")  # the files of a master have one such end


class MasterChannel(ControlChannel):
    """Exchanges frames with the master.

    Locust runs the listeners of a message before it receives the next one. Listeners of
    `test_start` may take longer than the master may be silent, so frames do not wait for them.

    Attributes:
        welcome: Set once the master has admitted the worker.
    """

    def __init__(self, runner: Any) -> None:
        super().__init__()
        self._runner = runner
        self.welcome: AsyncResult[Welcome] = AsyncResult()
        self._in_turn: Queue[Callable[[], object]] = Queue()  # in the order of arrival
        self._handle_message = runner.handle_message
        runner.handle_message = self._receive_message
        in_turn = runner.greenlet.spawn(self._handle_in_turn)
        in_turn.link_exception(locust_exception_handler(runner.environment))
        runner.register_message(CHANNEL, self._receive)

    def send(self, frame: Frame) -> None:
        """Send a frame. When the connection is closed, `watch` ends the load."""
        with suppress(RPCError):
            self._runner.send_message(CHANNEL, encode(frame))

    def _receive_message(self, msg: Any) -> None:
        if msg.type == CHANNEL:
            self._handle_message(msg)
        else:
            self._in_turn.put(partial(self._handle_message, msg))

    def _handle_in_turn(self) -> None:
        for handle in self._in_turn:
            handle()

    def _receive(self, msg: Any, **_: object) -> None:
        now = time.monotonic()
        decoder: Decoder[ToWorker] = Decoder()
        for frame in decoder.feed(msg.data):
            match frame:
                case Ping():
                    self.send(Pong(frame.at, now))
                case Welcome():
                    self.welcome.set(frame)
                case Refused():
                    self.end(f"{frame.message}. {frame.hint}")
                case UsersAssigned() | Stop():  # after the users that Locust's messages start
                    self._in_turn.put(partial(self.handle, frame))
                    continue
                case Share() | Start():
                    pass
                case _:
                    assert_never(frame)
            self.handle(frame)


def serve(
    setup: Setup,
    recorder: Recorder,
    environment: Environment,
    run_id: str,
    prepare: Callable[[], None] = lambda: None,
) -> None:
    """Join the run of the master, run the load, and end all users.

    Args:
        setup: The load to run.
        recorder: The recorder, installed before the locustfile was imported.
        environment: An environment with the runner of a worker.
        run_id: Identifier of the run that this worker belongs to.
        prepare: Called after the `Hello`; may raise RefusalError.
    """
    runner: Any = environment.runner
    # For each user that starts or stops, Locust builds its parser of the command line 80 times,
    # which takes 0.3 s.
    argument_parser.default_args_dict = cache(argument_parser.default_args_dict)
    channel = MasterChannel(runner)
    recorder.on_notice = notice_to(channel)
    channel.send(hello_of(run_id))
    try:
        prepare()
        runner.worker_index = channel.wait_before_stop(channel.welcome).index
        random.seed(setup.workload.seed + runner.worker_index)
        gevent.spawn(channel.watch, SILENCE, "the master")
        Agent(
            setup, channel, recorder, environment, owns_process=isinstance(setup.role, Join)
        ).run()
    except RefusalError as refusal:
        channel.send(Refused(refusal.message, refusal.hint))
    except StoppedBeforeStartError as stopped:  # a listener may have done it here alone
        channel.send(Bye(str(stopped)))
    except SystemExit as leave:
        channel.send(Bye(f"the locustfile called sys.exit({leave.code!r})", exit_code_of(leave)))
    if channel.stop.ready() and isinstance(reason := channel.stop.get(), str):
        _log(reason)
    environment.stop_timeout = 0.0  # for users that Locust stops from now on
    runner.user_greenlets.kill(block=False)
    # Other workers may still drain. At the end the master sends `quit`, which ends the runner.
    channel.listen_until(SILENCE, lambda: not runner.greenlet)


def hello_of(run_id: str) -> Hello:
    """The frame with which this process joins a run."""
    versions = {
        "locust": locust.__version__,
        "gevent": gevent.__version__,
        "python": platform.python_version(),
    }
    return Hello(run_id, socket.gethostname(), os.getpid(), versions)


def register(encoded: bytes, file: str) -> None:
    """Run the load in the Locust worker that imports this module, once its runner exists.

    Args:
        encoded: The encoded frame `Setup`.
        file: The file of the master that calls this.
    """
    atexit.register(_delete_received_files, Path(file))
    decoder: Decoder[Setup] = Decoder()
    (setup,) = decoder.feed(encoded)
    sys.argv += setup.arguments  # Locust reads them after its locustfiles
    recorder = Recorder(_log, setup.trace_ratio, setup.url)
    install(recorder)
    random.seed(setup.workload.seed)
    report_import_errors(hello_of(os.environ.get(RUN_ID, "")))
    fired: AsyncResult[Exception | None] = AsyncResult()

    def begin(environment: Environment, runner: object, **more: object) -> None:
        if isinstance(runner, WorkerRunner):
            gevent.spawn(_run_worker, setup, recorder, environment, fired)
        try:
            fire(events.init, "init", environment=environment, runner=runner, **more)
        except Exception as error:  # noqa: BLE001 - of the locustfile
            traceback.print_exception(error)
            fired.set(error)
        else:
            fired.set(None)

    init: Any = events.init
    init.fire = begin


def _log(text: str) -> None:
    sys.stderr.write(f"{text}\n")


def _run_worker(
    setup: Setup, recorder: Recorder, environment: Environment, fired: AsyncResult[Exception | None]
) -> None:
    local = replace(setup, locustfile=(environment.parsed_locustfiles or [""])[-1], role=None)
    run_id = os.environ.get(RUN_ID, "")
    environment.process_exit_code = 0  # the harness determines the verdict

    def prepare() -> None:
        if error := fired.get():
            raise remote_refusal(Path(local.locustfile), error, socket.gethostname()) from error
        adapt(environment, local)

    serve(local, recorder, environment, run_id, prepare)
    assert environment.runner is not None
    environment.runner.quit()


def _delete_received_files(one: Path) -> None:
    """Delete the files of the master, which Locust leaves in the folder for temporary files."""
    if found := RECEIVED_FILE.fullmatch(one.name):
        for path in one.parent.glob(f"*{found[1]}"):
            path.unlink(missing_ok=True)
