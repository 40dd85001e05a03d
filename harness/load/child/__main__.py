"""The generator's process: `python -m harness.load.child FD`.

FD is its end of a socket pair; all that it is told and all that it tells passes there as frames.
The only module of the harness that is ever started with Locust in it.
"""

from __future__ import annotations

import random
import signal
import sys

import gevent
import locust  # noqa: F401 - before ours, since it makes the standard library cooperative

from harness.load.child.agent import Agent, notice_to
from harness.load.child.link import Link
from harness.load.child.locustfile import RefusalError, load
from harness.load.child.recording import Recorder
from harness.load.child.wrapping import install
from harness.load.frames import Bye, Refused


def main(descriptor: int) -> None:
    """Serve the harness at the other end of the socket pair until it says stop."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the harness to decide about
    link = Link(descriptor)
    gevent.spawn(link.listen)
    setup = link.setup.get()
    recorder = Recorder(notice_to(link), setup.trace_ratio)
    install(recorder)
    random.seed(setup.workload.seed)
    try:
        environment = load(setup, on_notice=recorder.on_notice)
        Agent(setup, link, recorder, environment).run()
    except RefusalError as refusal:
        link.send(Refused(refusal.message, refusal.hint))
    except SystemExit as leave:  # of any greenlet: gevent raises it in the main one
        link.send(Bye(f"the locustfile called sys.exit({leave.code!r})"))


if __name__ == "__main__":
    main(int(sys.argv[1]))
