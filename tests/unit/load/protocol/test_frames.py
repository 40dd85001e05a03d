"""Frames survive the wire, in pieces of any size; the generator's numbers get their names."""

import subprocess
import sys
from typing import cast

import msgpack  # type: ignore[import-untyped]
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness import names
from harness.budgets.workload import ClosedWorkload, OpenWorkload, ShapeWorkload, Stage, UserStage
from harness.load.protocol.frames import (
    MAX_ITEMS,
    Bye,
    Decoder,
    Frame,
    Notice,
    Ready,
    Refused,
    Report,
    Setup,
    Slow,
    Start,
    Stop,
    UserError,
    Welcome,
    encode,
    readings,
)
from harness.load.protocol.master import WorkerPool
from harness.load.protocol.workers import (
    Heartbeat,
    Hello,
    Join,
    Listening,
    Lost,
    Ping,
    Pong,
    Share,
    UsersAssigned,
    WorkerInfo,
)
from harness.runs.cells import Cell

MOMENTS = st.floats(0, 1e9)
NUMBERS = st.integers(0, 2**40)
TAGS = st.lists(st.text(), max_size=3).map(tuple)
CELLS = st.builds(
    Cell,
    *(st.text() for _ in range(4)),
    st.integers(-1000, 1000),
    st.dictionaries(NUMBERS, NUMBERS, max_size=5),
)
OPEN = st.builds(
    OpenWorkload,
    st.lists(st.builds(Stage, MOMENTS, MOMENTS), max_size=3).map(tuple),
    st.sampled_from(["poisson", "even"]),
    NUMBERS,
    NUMBERS,
)
CLOSED = st.builds(
    ClosedWorkload,
    st.lists(st.builds(UserStage, NUMBERS, MOMENTS, st.none() | NUMBERS), max_size=3).map(tuple),
    NUMBERS,
)
SHAPE = st.builds(ShapeWorkload, st.text(), NUMBERS)
SLOW = st.builds(
    Slow,
    MOMENTS,
    *(st.text() for _ in range(3)),
    MOMENTS,
    MOMENTS,
    st.text(),
    st.booleans(),
)
REPORTS = st.builds(
    Report,
    MOMENTS,
    st.lists(CELLS, max_size=3).map(tuple),
    *(NUMBERS for _ in range(7)),
    MOMENTS,
    NUMBERS,
    st.none() | NUMBERS,
    NUMBERS,
    MOMENTS,
    NUMBERS,
    late=NUMBERS,
    slowest=st.lists(SLOW, max_size=2).map(tuple),
    steal=st.none() | MOMENTS,
    throttled=st.none() | MOMENTS,
    cpu_wait=st.none() | MOMENTS,
    target_users=st.none() | NUMBERS,
    burst_requests=NUMBERS,
    source=st.text(),
    elsewhere=st.dictionaries(st.text(), NUMBERS, max_size=3),
    redirected=st.dictionaries(st.text(), NUMBERS, max_size=3),
)
VERSIONS = st.dictionaries(st.text(), st.text(), max_size=3)
ROLES = st.one_of(
    st.none(),
    st.builds(Join, st.text(), NUMBERS, st.text()),
    st.builds(WorkerPool, st.text(), NUMBERS, NUMBERS, st.text()),
)
FRAMES: st.SearchStrategy[Frame] = st.one_of(
    st.builds(Setup, st.text(), st.text(), OPEN | CLOSED | SHAPE, TAGS, TAGS, MOMENTS, ROLES),
    st.builds(Start, MOMENTS, MOMENTS, NUMBERS, NUMBERS),
    st.builds(Stop, MOMENTS),
    st.builds(Ready, NUMBERS),
    st.builds(Refused, st.text(), st.text()),
    REPORTS,
    st.builds(UserError, st.text()),
    st.builds(Notice, st.text()),
    st.builds(Bye, st.text()),
    st.just(Heartbeat()),
    st.builds(Listening, NUMBERS),
    st.builds(Hello, st.text(), st.text(), NUMBERS, VERSIONS),
    st.builds(Welcome, NUMBERS),
    st.builds(Ping, MOMENTS),
    st.builds(Pong, MOMENTS, MOMENTS),
    st.just(UsersAssigned()),
    st.builds(Share, NUMBERS, NUMBERS, MOMENTS),
    st.builds(WorkerInfo, st.text(), st.text(), NUMBERS, VERSIONS, *(st.none() | MOMENTS,) * 2),
    st.builds(Lost, st.text(), MOMENTS, st.text()),
)


@given(st.lists(FRAMES, max_size=5), st.integers(1, 50))
def test_frames_in_pieces_of_any_size_come_out_as_they_went_in(
    frames: list[Frame], size: int
) -> None:
    stream = b"".join(map(encode, frames))
    decoder: Decoder[Frame] = Decoder()
    pieces = (stream[i : i + size] for i in range(0, len(stream), size))
    assert [frame for piece in pieces for frame in decoder.feed(piece)] == frames


@pytest.mark.parametrize(
    "data",
    [
        b"\xdd" + (MAX_ITEMS + 1).to_bytes(4, "big"),
        b"\xdf" + (MAX_ITEMS + 1).to_bytes(4, "big"),
        msgpack.packb(msgpack.ExtType(0, b"\xdd" + (MAX_ITEMS + 1).to_bytes(4, "big"))),
    ],
    ids=["array", "map", "array of a frame"],
)
def test_frame_that_announces_too_many_items_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=f"{MAX_ITEMS + 1} exceeds max_"):
        Decoder[Frame]().feed(data)


def test_frame_with_too_deeply_nested_kinds_is_refused() -> None:
    """2,000 levels would overflow the C stack of msgpack."""
    setup = Setup("f", "u", OpenWorkload((Stage(1.0, 1.0),)))  # as deep as any
    assert Decoder().feed(encode(setup)) == [setup]
    nested = encode(Bye("an end"))
    code = nested[2]
    for _ in range(50):
        nested = msgpack.packb(msgpack.ExtType(code, msgpack.packb([msgpack.unpackb(nested)])))
    with pytest.raises(ValueError, match="nested at most 4 deep"):
        Decoder().feed(nested)


@given(REPORTS)
def test_readings_contain_every_number_of_a_report(report: Report) -> None:
    values = readings(report)
    generator_names = {
        cast("str", value)
        for key, value in vars(names).items()
        if key.startswith("GENERATOR_") and key != "GENERATOR_LOG"
    } - {names.GENERATOR_LOOP_LAG, names.GENERATOR_CANARY}
    optional = {
        names.GENERATOR_IDLE_USERS: report.idle_users,
        names.GENERATOR_STEAL: report.steal,
        names.GENERATOR_THROTTLED: report.throttled,
        names.GENERATOR_CPU_WAIT: report.cpu_wait,
        names.GENERATOR_TARGET_USERS: report.target_users,
        names.GENERATOR_REQUEST_BYTES: report.request_bytes,
    }
    absent = {name for name, value in optional.items() if value is None}
    assert set(values) == generator_names - absent
    assert values[names.GENERATOR_ASKED] == report.asked
    assert values[names.GENERATOR_STARTED_ITERATIONS] == report.sent
    assert values[names.GENERATOR_STARTED] == report.started
    assert values[names.GENERATOR_ELSEWHERE] == sum(report.elsewhere.values())
    assert values[names.GENERATOR_OLDEST] == report.oldest
    assert values[names.GENERATOR_CPU] == report.cpu
    assert values[names.GENERATOR_LATE] == report.late
    assert values[names.GENERATOR_FULLEST] == report.burst_requests


def test_harness_side_imports_neither_locust_nor_gevent() -> None:
    code = (
        "import sys, harness.load.generator, harness.runs.latency;"
        "print([m for m in ('locust', 'gevent') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_lone_surrogates_arrive_as_escape_sequences() -> None:
    # json.loads makes one of an answer that was cut within an emoji.
    text = "no such title: café \ud83d"
    cell = Cell("latency", "ok", "GET", text, 0, {1: 1})
    frames: list[Frame] = [UserError(text), Refused(text, "hint \udcff")]
    decoder: Decoder[Frame] = Decoder()
    error, refused = decoder.feed(b"".join(map(encode, frames)))
    assert error == UserError("no such title: café \\ud83d")
    assert refused == Refused("no such title: café \\ud83d", "hint \\udcff")
    (report,) = decoder.feed(encode(Report(0.0, (cell,), *(0,) * 7, 0.0, 0, None, 0, 0.0, 0)))
    assert isinstance(report, Report)
    assert report.cells[0].name == "no such title: café \\ud83d"
