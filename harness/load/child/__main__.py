"""The generator's process: `python -m harness.load.child FD`.

FD is its end of a socket pair; all that it is told and all that it tells passes there as frames.
The only module of the harness that is ever started with Locust in it.
"""

from __future__ import annotations

import os
import random
import signal
import sys

import gevent
import locust  # noqa: F401 - before ours, since it makes the standard library cooperative

from harness.load.child.agent import Agent, notice_to
from harness.load.child.distributed.master import Master
from harness.load.child.distributed.runner import headquarters
from harness.load.child.distributed.worker import serve
from harness.load.child.link import HarnessChannel
from harness.load.child.locustfile import RefusalError, load, without_locusts
from harness.load.child.orders import DismissedError
from harness.load.child.recording import Recorder
from harness.load.child.wrapping import install
from harness.load.protocol.frames import Bye, Refused, Setup
from harness.load.protocol.master import WorkerPool
from harness.load.protocol.workers import Join

SILENCE = 10.0  # s without a beat of the harness


def main(descriptor: int) -> None:
    """Serve the harness at the other end of the socket pair until it says stop."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the harness to decide about
    link = HarnessChannel(descriptor)
    gevent.spawn(link.listen)
    setup = link.setup.get()
    random.seed(setup.workload.seed)
    try:
        if isinstance(setup.role, WorkerPool):
            _lead(setup, setup.role, link)
        elif isinstance(setup.role, Join):
            _follow(setup, setup.role, link)
        else:
            _work_alone(setup, link)
    except RefusalError as refusal:
        link.send(Refused(refusal.message, refusal.hint))
    except DismissedError as why:
        link.send(Bye(str(why)))
    except SystemExit as leave:  # of any greenlet: gevent raises it in the main one
        link.send(Bye(f"the locustfile called sys.exit({leave.code!r})"))


def _work_alone(setup: Setup, link: HarnessChannel) -> None:
    recorder = _recorder(setup, link)
    environment = load(setup, on_notice=recorder.on_notice)
    gevent.spawn(link.watch, SILENCE, "the harness")
    Agent(setup, link, recorder, environment).run()


def _lead(setup: Setup, where: WorkerPool, link: HarnessChannel) -> None:
    environment = load(
        setup, lambda environment: headquarters(environment, where, setup), notice_to(link)
    )
    master = Master(setup, where, link, environment)
    gevent.signal_handler(signal.SIGTERM, _leave, link)
    gevent.spawn(link.watch, SILENCE, "the harness")
    master.run()


def _leave(link: HarnessChannel) -> None:
    link.farewell()
    os._exit(1)


def _follow(setup: Setup, join: Join, link: HarnessChannel) -> None:
    recorder = _recorder(setup, link)
    environment = load(setup, lambda one: one.create_worker_runner(join.host, join.port))
    without_locusts(environment.events.quitting)  # it would say that it quits; our `Bye` says more
    serve(setup, recorder, environment, join.run_id)


def _recorder(setup: Setup, link: HarnessChannel) -> Recorder:
    recorder = Recorder(notice_to(link), setup.trace_ratio)
    install(recorder)
    return recorder


if __name__ == "__main__":
    main(int(sys.argv[1]))
