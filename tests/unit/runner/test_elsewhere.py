"""The notices about requests that did not go to the target."""

from dataclasses import replace

from harness.load.protocol.frames import Report
from harness.runner.elsewhere import RequestsElsewhere
from tests.unit.runner.test_arrival_gaps import report

TARGET = "http://127.0.0.1:8000"
SUFFIX = (
    ": times and errors of requests include them, metrics of the service do not; a locustfile "
    "reaches the target by paths without a host"
)


def notices(*reports: Report) -> list[str]:
    elsewhere = RequestsElsewhere()
    for one in reports:
        elsewhere.add(one)
    return list(elsewhere.notices(TARGET))


def sent(started: int, source: str = "", **counts: dict[str, int]) -> Report:
    return replace(report(), started=started, source=source, **counts)  # type: ignore[arg-type]


def test_nothing_is_said_while_all_requests_go_to_the_target() -> None:
    assert notices() == []
    assert notices(sent(5000), sent(6000)) == []


def test_last_counts_of_each_generator_are_added_up() -> None:
    other = "https://other.example"
    assert notices(
        sent(100, "worker-1", elsewhere={other: 90}),
        sent(3000, "worker-1", elsewhere={other: 1200}),
        sent(2000, "worker-2", elsewhere={other: 4}),
    ) == [f"1,204 of 5,000 requests went to {other}, not to the target {TARGET}{SUFFIX}"]


def test_several_places_have_their_counts_the_most_frequent_first() -> None:
    counts = {f"http://h{i}.example": 10 + i for i in range(7)}
    (text,) = notices(sent(100, elsewhere=counts))
    listed = ", ".join(f"http://h{i}.example ({10 + i})" for i in (6, 5, 4, 3, 2))
    assert text == (
        f"91 of 100 requests went to {listed}, others (21), not to the target {TARGET}{SUFFIX}"
    )


def test_redirects_have_a_notice_of_their_own() -> None:
    (text,) = notices(sent(500, redirected={"https://login.example": 400}))
    assert text == (
        f"400 redirects led to https://login.example, away from the target {TARGET}: the times of "
        "the redirected requests include the answers there"
    )
