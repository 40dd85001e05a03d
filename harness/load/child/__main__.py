"""The process of a generator: `python -m harness.load.child FD`.

FD is its end of a socket pair, over which it exchanges frames with the harness. This is the only
module of the harness that is started with Locust loaded.
"""

from __future__ import annotations

import os
import random
import signal
import sys
from typing import assert_never

import gevent

import harness.load.child.cooperative  # noqa: F401 - before Locust

# isort: split
from locust.env import Environment

from harness.load.child.agent import Agent, exit_code_of, notice_to
from harness.load.child.control_channel import StoppedBeforeStartError
from harness.load.child.distributed.master import Master
from harness.load.child.distributed.runner import create_gated_runner
from harness.load.child.distributed.sockets import install as install_sockets
from harness.load.child.distributed.worker import serve
from harness.load.child.harness_channel import HarnessChannel
from harness.load.child.locustfile.load import load, remove_locust_listeners
from harness.load.child.locustfile.refusal import RefusalError
from harness.load.child.recording import Recorder
from harness.load.child.wrapping import install
from harness.load.protocol.frames import Bye, Refused, Setup
from harness.load.protocol.master import WorkerPool
from harness.load.protocol.workers import Join

SILENCE = 10.0  # s without a heartbeat of the harness


def main(descriptor: int) -> None:
    """Generate the load that the harness requests over the socket pair, until it sends a stop."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the harness handles Ctrl-C
    channel = HarnessChannel(descriptor)
    gevent.spawn(channel.listen)
    setup = channel.setup.get()
    random.seed(setup.workload.seed)
    try:
        match setup.role:
            case WorkerPool():
                _run_master(setup, setup.role, channel)
            case Join():
                _run_worker(setup, setup.role, channel)
            case None:
                _run_single(setup, channel)
            case _:
                assert_never(setup.role)
    except RefusalError as refusal:
        channel.send(Refused(refusal.message, refusal.hint))
    except StoppedBeforeStartError as stopped:
        channel.send(Bye(str(stopped)))
    except SystemExit as leave:  # of any greenlet: gevent raises it in the main one
        channel.send(Bye(f"the locustfile called sys.exit({leave.code!r})", exit_code_of(leave)))


def _run_single(setup: Setup, channel: HarnessChannel) -> None:
    recorder = _recorder(setup, channel)
    environment = load(setup, on_notice=recorder.on_notice)
    gevent.spawn(channel.watch, SILENCE, "the harness")
    Agent(setup, channel, recorder, environment).run()


def _run_master(setup: Setup, pool: WorkerPool, channel: HarnessChannel) -> None:
    install_sockets(pool.secret)

    def create(environment: Environment) -> None:
        create_gated_runner(environment, pool, setup)

    environment = load(setup, create, notice_to(channel))
    master = Master(setup, pool, channel, environment)
    gevent.signal_handler(signal.SIGTERM, _end_master, channel)
    gevent.spawn(channel.watch, SILENCE, "the harness")
    master.run()


def _end_master(channel: HarnessChannel) -> None:
    channel.on_harness_gone()
    os._exit(1)


def _run_worker(setup: Setup, join: Join, channel: HarnessChannel) -> None:
    install_sockets(join.secret)
    recorder = _recorder(setup, channel)
    environment = load(setup, lambda new: new.create_worker_runner(join.host, join.port))
    # Locust's listener would quit before the last frame is sent.
    remove_locust_listeners(environment.events.quitting)
    serve(setup, recorder, environment, join.run_id)


def _recorder(setup: Setup, channel: HarnessChannel) -> Recorder:
    recorder = Recorder(notice_to(channel), setup.trace_ratio, setup.url)
    install(recorder)
    return recorder


if __name__ == "__main__":
    main(int(sys.argv[1]))
