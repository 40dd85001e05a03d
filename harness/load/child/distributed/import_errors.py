"""Inside a worker on another machine: reports that its locustfile cannot be imported.

Locust imports locustfiles before it connects to its master as a worker. An exception would end only
this process, and the master would wait for it.
"""

from __future__ import annotations

import re
import socket
import sys
from pathlib import Path
from typing import Any
from uuid import uuid4

import gevent
from locust import main as locust_main
from locust.exception import RPCError
from locust.rpc import Message, zmqrpc

from harness.load.child.locustfile.load import describe, place
from harness.load.child.locustfile.refusal import RefusalError
from harness.load.protocol.frames import Decoder, Refused, ToWorker, Welcome, encode
from harness.load.protocol.master import CHANNEL
from harness.load.protocol.workers import Hello

PATIENCE = 5.0  # s for the answer of the master
LINGER = 1000  # ms for sending the last message
TOKEN = re.compile(r"_[0-9a-f]{16}(?=\.py)")  # in the name of a file of the master


def report_import_errors(hello: Hello) -> None:
    """Make this Locust report an exception of the next locustfiles to its master, and then end.

    Args:
        hello: With which this worker joins.
    """
    module: Any = locust_main
    load = module.load_locustfile

    def load_or_report(path: str) -> Any:
        try:
            return load(path)
        except (Exception, SystemExit) as error:
            refusal = remote_refusal(Path(path), error, hello.host)
            host, port = _master()
            send_refusal(host, port, hello, refusal)
            raise

    module.load_locustfile = load_or_report


def remote_refusal(path: Path, error: BaseException, host: str) -> RefusalError:
    """The refusal of a locustfile that this machine cannot import."""
    said = TOKEN.sub("", f"{Path(place(path, error)).name}: {describe(error)}")
    hint = "Correct it on that machine; the output of its worker has the traceback."
    if isinstance(error, ImportError):
        hint = (
            "Install the missing package on that machine; start the worker in a folder that has "
            "the locustfile's own modules."
        )
    if isinstance(error, FileNotFoundError):
        hint = "Workers get only the locustfile: copy its other files to the folder of the worker."
    return RefusalError(f"the worker on {host} cannot load the locustfile: {said}", hint)


def send_refusal(host: str, port: int, hello: Hello, refusal: RefusalError) -> None:
    """Join the master's run only to say why this worker cannot run it."""
    name = f"{socket.gethostname()}_{uuid4().hex}"
    client: Any = zmqrpc.Client(host, port, name)  # type: ignore[no-untyped-call]
    for frame in (hello, Refused(refusal.message, refusal.hint)):
        client.send(Message(CHANNEL, encode(frame), name))  # type: ignore[no-untyped-call]
    decoder: Decoder[ToWorker] = Decoder()
    try:
        with gevent.Timeout(PATIENCE, False):
            while not _is_answer(client.recv(), decoder):
                pass
    except RPCError:
        pass
    client.close(linger=LINGER)


def _is_answer(message: Any, decoder: Decoder[ToWorker]) -> bool:
    """Whether the master has admitted or rejected this worker."""
    if message.type != CHANNEL:
        return False
    return any(isinstance(frame, Welcome | Refused) for frame in decoder.feed(message.data))


def _master() -> tuple[str, int]:
    """The address of the master, from the command line of Locust."""
    given = dict(zip(sys.argv, sys.argv[1:], strict=False))
    return given["--master-host"], int(given["--master-port"])
