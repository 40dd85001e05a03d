"""What a Grafana server is told, over its HTTP API: dashboards, and when runs were.

Format: https://grafana.com/docs/grafana/latest/developers/http_api/ (dashboard, annotations).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from harness.errors import UsageError
from harness.observe.fetch import NoAnswer, fetch

_TIMEOUT = 30.0  # s
_OK = 200


@dataclass(frozen=True, slots=True)
class Grafana:
    """A server and what lets us in.

    Attributes:
        url: What `/api/` is appended to.
        token: Of a service account that may edit dashboards and annotations; it is stored nowhere.
    """

    url: str
    token: str = field(repr=False)

    def import_dashboard(self, text: str) -> None:
        """Store a dashboard, in place of the one with its uid if there is one.

        Args:
            text: Its JSON, in the classic schema.

        Raises:
            UsageError: The server does not take it.
        """
        dashboard = {**json.loads(text), "id": None}
        self._tell("dashboards/db", {"dashboard": dashboard, "overwrite": True})

    def annotate(self, text: str, tags: Iterable[str], start: float, end: float) -> None:
        """Mark a time on the charts of all dashboards that ask for these tags.

        Args:
            text: Shown at the mark.
            tags: By which dashboards choose.
            start: Seconds since the epoch.
            end: Likewise.

        Raises:
            UsageError: The server does not take it.
        """
        times = {"time": round(1000 * start), "timeEnd": round(1000 * end)}
        self._tell("annotations", {**times, "tags": list(tags), "text": text})

    def _tell(self, what: str, document: Mapping[str, Any]) -> None:
        headers = {"Authorization": f"Bearer {self.token}"}
        body = json.dumps(document).encode()
        try:
            answer = fetch(f"{self.url}/api/{what}", _TIMEOUT, headers=headers, body=body)
        except NoAnswer as error:
            raise UsageError(
                f"cannot reach Grafana at {self.url}: {error}", "correct --grafana-url"
            ) from error
        if answer.status != _OK:
            raise UsageError(
                f"Grafana at {self.url} answered {answer.status} to {what}:"
                f" {_message(answer.body)}",
                "give a token of a service account that may edit dashboards and annotations",
            )


def _message(body: bytes) -> str:
    try:
        return str(json.loads(body)["message"])
    except (ValueError, LookupError, TypeError):
        return "no reason is given"
