"""Messages of unknown senders to the open port of the master do not change the run."""

import msgpack  # type: ignore[import-untyped]
import zmq

from harness.budgets.workload import OpenWorkload, Stage
from harness.load.generator import generator
from harness.load.protocol.frames import Bye, Frame, Stop, encode
from harness.load.protocol.master import CHANNEL, WorkerPool
from harness.load.protocol.workers import Hello
from tests.integration.load.conftest import Loads
from tests.integration.load.remote_workers import RemoteWorkers

LOCUSTFILE = """
class Fast(FastHttpUser):
    @task
    def fast(self): self.client.get("/fast")
"""
LONG = OpenWorkload((Stage(100, 60),), "even", max_users=4)
SENDER = b"unknown"


def nested(times: int) -> bytes:
    inner: bytes = msgpack.packb([1])
    for _ in range(times):
        inner = msgpack.packb(msgpack.ExtType(3, inner))
    return inner


def message(kind: object, data: object, name: bytes = SENDER) -> bytes:
    return bytes(msgpack.packb((kind, data, name.decode())))


def frame(one: Frame) -> bytes:
    return message(CHANNEL, encode(one))


MESSAGES = {
    "nothing": b"",
    "no msgpack": b"\xff\xff",
    "a number": b"\x01",
    "an unknown kind": message({"a": 1}, None),
    "data that is no frame": message(CHANNEL, b"\xc1"),
    "data that is not bytes": message(CHANNEL, {"a": 1}),
    "frames nested 2,000 deep": message(CHANNEL, nested(2000)),
    "lists nested 5,000 deep": message(CHANNEL, b"\x91" * 5000),
    "a stop": frame(Stop(0.0)),
    "a last frame": frame(Bye("of an unknown sender")),
    "a number as host name": frame(Hello("run-7", 5, 1, None)),  # type: ignore[arg-type]
    "a message of Locust's workers": message("exception", {"msg": "boo", "traceback": "t"}),
    "with the id of another worker": message("quit", None, b"another"),
    # The last one: it is rejected, and its further messages are ignored.
    "a host name that is too long": frame(Hello("", "a" * 100_000, 1, {})),
}


async def test_messages_of_unknown_senders_neither_block_workers_nor_end_the_run(
    loads: Loads, remote_workers: RemoteWorkers
) -> None:
    context = zmq.Context()
    unknown = context.socket(zmq.DEALER)
    unknown.setsockopt(zmq.IDENTITY, SENDER)

    def on_progress(text: str) -> None:
        if text.startswith("0 of 1"):
            unknown.connect(f"tcp://127.0.0.1:{text.rpartition(' ')[2]}")
            for one in MESSAGES.values():
                unknown.send(one)
            remote_workers.start(text)

    pool = WorkerPool("127.0.0.1", 0, 1, "run-7", timeout=30.0)
    (scenario,) = loads.scenario(LOCUSTFILE, LONG).loads
    try:
        async with generator(
            *(scenario, loads.url, loads.log, lambda _: None),
            pool=pool,
            on_progress=on_progress,
        ) as load:
            assert not load.died.done()
            assert [worker.name for worker in load.workers] == ["worker-1"]
            assert load.workers[0].pid == remote_workers.processes[0].pid
            (notice,) = load.notices
            assert notice.startswith(f"a worker on {'a' * 100} was rejected: it has no run id")
    finally:
        unknown.close(linger=0)
        context.term()
