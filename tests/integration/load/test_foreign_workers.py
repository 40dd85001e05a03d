"""The master's port is open to everybody; what strangers send changes nothing in the run."""

import msgpack  # type: ignore[import-untyped]
import zmq

from harness.budgets.model import OpenWorkload, Stage
from harness.load.generator import generator
from harness.load.protocol.frames import Bye, Frame, Stop, encode
from harness.load.protocol.master import CHANNEL, WorkerPool
from harness.load.protocol.workers import Hello
from tests.integration.load.conftest import Loads
from tests.integration.load.remote_workers import Elsewhere

LOCUSTFILE = """
class Fast(FastHttpUser):
    @task
    def fast(self): self.client.get("/fast")
"""
LONG = OpenWorkload((Stage(100, 60),), "even", max_users=4)
STRANGER = b"stranger"


def within_each_other(times: int) -> bytes:
    inner: bytes = msgpack.packb([1])
    for _ in range(times):
        inner = msgpack.packb(msgpack.ExtType(3, inner))
    return inner


def message(kind: object, data: object, name: bytes = STRANGER) -> bytes:
    return bytes(msgpack.packb((kind, data, name.decode())))


def frame(one: Frame) -> bytes:
    return message(CHANNEL, encode(one))


NONSENSE = {
    "nothing": b"",
    "no msgpack": b"\xff\xff",
    "a number": b"\x01",
    "a kind that is none": message({"a": 1}, None),
    "data that are no frame": message(CHANNEL, b"\xc1"),
    "data that are not even bytes": message(CHANNEL, {"a": 1}),
    "frames within frames without end": message(CHANNEL, within_each_other(2000)),
    "lists within lists without end": message(CHANNEL, b"\x91" * 5000),
    "an order": frame(Stop(0.0)),
    "a goodbye": frame(Bye("of a stranger")),
    "a name that is a number": frame(Hello("run-7", 5, 1, None)),  # type: ignore[arg-type]
    "what Locust's workers say": message("exception", {"msg": "boo", "traceback": "t"}),
    "in the name of another": message("quit", None, b"another"),
    # Turned away at last: from then on it is not listened to.
    "a name that is too long": frame(Hello("", "a" * 100_000, 1, {})),
}


async def test_nonsense_from_strangers_keeps_no_worker_out_and_ends_nothing(
    loads: Loads, elsewhere: Elsewhere
) -> None:
    context = zmq.Context()
    stranger = context.socket(zmq.DEALER)
    stranger.setsockopt(zmq.IDENTITY, STRANGER)

    def on_progress(text: str) -> None:
        if text.startswith("0 of 1"):
            stranger.connect(f"tcp://127.0.0.1:{text.rpartition(' ')[2]}")
            for one in NONSENSE.values():
                stranger.send(one)
            elsewhere.start(text)

    where = WorkerPool("127.0.0.1", 0, 1, "run-7", patience=30.0)
    load_of = loads.scenario(LOCUSTFILE, LONG).loads[0]
    try:
        async with generator(
            *(load_of, loads.url, loads.log, lambda _: None),
            pool=where,
            on_progress=on_progress,
        ) as load:
            assert not load.died.done()
            assert [worker.name for worker in load.workers] == ["worker-1"]
            assert load.workers[0].pid == elsewhere.processes[0].pid
            (notice,) = load.notices
            assert notice.startswith(f"a worker on {'a' * 100} was turned away: it has no run id")
    finally:
        stranger.close(linger=0)
        context.term()
