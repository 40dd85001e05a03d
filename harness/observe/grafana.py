"""A client of Grafana's HTTP API: imports dashboards and annotates runs.

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
    """A Grafana server.

    Attributes:
        url: The URL that `/api/` is appended to.
        token: The token of a service account that may edit dashboards and annotations; never
            stored.
    """

    url: str
    token: str = field(repr=False)

    def import_dashboard(self, text: str) -> None:
        """Store a dashboard; replaces an existing one with the same uid.

        Args:
            text: Its JSON, in the classic schema.

        Raises:
            UsageError: The server cannot be reached or rejects the dashboard.
        """
        dashboard = {**json.loads(text), "id": None}
        self._post("dashboards/db", {"dashboard": dashboard, "overwrite": True})

    def annotate(self, text: str, tags: Iterable[str], start: float, end: float) -> None:
        """Mark a period on the charts of all dashboards that show annotations with these tags.

        Args:
            text: Text of the annotation.
            tags: Tags of the annotation.
            start: Start of the period, seconds since the epoch.
            end: End of the period, seconds since the epoch.

        Raises:
            UsageError: The server cannot be reached or rejects the annotation.
        """
        times = {"time": round(1000 * start), "timeEnd": round(1000 * end)}
        self._post("annotations", {**times, "tags": list(tags), "text": text})

    def _post(self, path: str, document: Mapping[str, Any]) -> None:
        headers = {"Authorization": f"Bearer {self.token}"}
        body = json.dumps(document).encode()
        try:
            answer = fetch(f"{self.url}/api/{path}", _TIMEOUT, headers=headers, body=body)
        except NoAnswer as error:
            raise UsageError(
                f"cannot reach Grafana at {self.url}: {error}", "correct --grafana-url"
            ) from error
        if answer.status != _OK:
            raise UsageError(
                f"Grafana at {self.url} answered {answer.status} to {path}:"
                f" {_message(answer.body)}",
                "give a token of a service account that may edit dashboards and annotations",
            )


def _message(body: bytes) -> str:
    try:
        return str(json.loads(body)["message"])
    except (ValueError, LookupError, TypeError):
        return "without a reason"
