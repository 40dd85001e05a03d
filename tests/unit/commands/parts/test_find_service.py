"""The look at a service ends with the command: a service that hangs must not hold it up."""

from collections.abc import Callable
from threading import Event

import pytest

from harness.commands.parts import find_service
from harness.commands.parts.find_service import find_document, find_metrics, find_ready
from harness.errors import TargetError
from harness.observe.fetch import Answer

URL = "http://127.0.0.1:9"


@pytest.mark.parametrize(
    "look",
    [
        lambda stopped: find_document(URL, None, stopped=stopped),
        lambda stopped: find_metrics(URL, None, stopped=stopped),
        lambda stopped: find_ready(URL, stopped=stopped),
    ],
    ids=["document", "metrics", "readiness"],
)
def test_nothing_more_is_asked_once_the_command_is_stopped(
    monkeypatch: pytest.MonkeyPatch, look: Callable[[Event], object]
) -> None:
    stopped, asked = Event(), list[str]()

    def ask(url: str) -> None:
        asked.append(url)
        if len(asked) == 2:
            stopped.set()

    def fetch(url: str, *_: object, **__: object) -> Answer:
        ask(url)
        return Answer(404, b"")

    def fetch_families(_: str, target: object) -> None:
        ask(str(target))
        raise TargetError("no metrics")

    monkeypatch.setattr(find_service, "fetch", fetch)
    monkeypatch.setattr(find_service, "fetch_families", fetch_families)
    with pytest.raises(InterruptedError):
        look(stopped)
    assert len(asked) == 2
