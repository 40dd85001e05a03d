"""Questions to a Prometheus server, over its HTTP API.

Format: https://prometheus.io/docs/prometheus/latest/querying/api/. Mimir and Thanos have it too.
"""

from __future__ import annotations

import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from harness.errors import UsageError
from harness.observe.fetch import Answer, NoAnswer, fetch
from harness.runs.prometheus_answers import AnswerSeries, QueryAnswer

TIMEOUT = 30.0  # s; a server gives up on a query after two minutes, a person earlier


@dataclass(frozen=True, slots=True)
class Prometheus:
    """A server and how to be let in.

    Attributes:
        url: What `/api/v1/query` is appended to.
        headers: Sent with each question; they are stored nowhere.
        tls: For https; None trusts what this machine trusts.
        matchers: Labels that each series must have besides those of its indicator.
    """

    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    tls: ssl.SSLContext | None = None
    matchers: Mapping[str, str] = field(default_factory=dict)

    def ask(self, query: str, at: float) -> QueryAnswer:
        """Evaluate an expression at a moment; blocks the calling thread.

        Args:
            query: That yields an instant vector or a scalar.
            at: Seconds since the epoch.

        Returns:
            What was found, or why nothing could be.
        """
        asked = urlencode({"query": query, "time": f"{at:.3f}"})
        url = f"{self.url}/api/v1/query?{asked}"
        try:
            answer = fetch(url, TIMEOUT, "application/json", headers=self.headers, tls=self.tls)
            return _read(answer)
        except NoAnswer as error:
            return QueryAnswer(problem=str(error), reached=False)

    def probe(self) -> None:
        """Find out before a run whether the server answers.

        Raises:
            UsageError: It does not.
        """
        if problem := self.ask("1", 0.0).problem:
            raise UsageError(
                f"cannot ask Prometheus at {self.url}: {problem}",
                "correct --prometheus, or what lets you in (--prometheus-token-file, "
                "--prometheus-header, --prometheus-ca)",
            )


def tls_context(ca: Path | None, certificate: Path | None, key: Path | None) -> ssl.SSLContext:
    """What a server is trusted by, and what it trusts us by.

    Args:
        ca: Certificates in PEM; None are those of this machine.
        certificate: Our own, for a server that asks for one.
        key: Of our certificate; None is in the same file.

    Raises:
        UsageError: A file cannot be read, or is none of that.
    """
    try:
        context = ssl.create_default_context(cafile=ca)
        if certificate:
            context.load_cert_chain(certificate, key)
    except (OSError, ssl.SSLError) as error:
        files = ", ".join(str(one) for one in (ca, certificate, key) if one)
        why = error.strerror or error
        raise UsageError(f"cannot use {files} for TLS: {why}", "name files in PEM") from error
    return context


def _read(answer: Answer) -> QueryAnswer:
    try:
        document = json.loads(answer.body)
        if document["status"] != "success":
            return QueryAnswer(problem=f"{answer.status}: {document['error']}")
        return QueryAnswer(found=_found(document["data"]))
    except (ValueError, LookupError, TypeError):
        said = "that is no answer of a Prometheus" if answer.status == 200 else "no reason is given"
        return QueryAnswer(problem=f"it answered {answer.status}, and {said}")


def _found(data: Mapping[str, Any]) -> tuple[AnswerSeries, ...]:
    match data["resultType"]:
        case "scalar":
            return (AnswerSeries(labels={}, value=float(data["result"][1])),)
        case "vector":
            return tuple(
                AnswerSeries(labels=one["metric"], value=float(one["value"][1]))
                for one in data["result"]
            )
        case other:
            raise ValueError(other)
