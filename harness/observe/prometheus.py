"""A client of the HTTP API of Prometheus, which Mimir and Thanos also have.

Format: https://prometheus.io/docs/prometheus/latest/querying/api/.
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
    """A Prometheus server.

    Attributes:
        url: The URL that `/api/v1/query` is appended to.
        headers: Headers of each request, such as credentials; never stored.
        tls: The context for https; None uses the trusted certificates of this machine.
        matchers: Labels that each series must have in addition to those of its indicator.
    """

    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    tls: ssl.SSLContext | None = None
    matchers: Mapping[str, str] = field(default_factory=dict)

    def ask(self, query: str, at: float) -> QueryAnswer:
        """Evaluate an expression; blocks the calling thread.

        Args:
            query: An expression for an instant vector or a scalar.
            at: Time of the evaluation, seconds since the epoch.

        Returns:
            The result, or the reason why there is none.
        """
        parameters = urlencode({"query": query, "time": f"{at:.3f}"})
        url = f"{self.url}/api/v1/query?{parameters}"
        try:
            answer = fetch(url, TIMEOUT, "application/json", headers=self.headers, tls=self.tls)
            return _read(answer)
        except NoAnswer as error:
            return QueryAnswer(problem=str(error), reached=False)

    def probe(self) -> None:
        """Check before a run that the server answers.

        Raises:
            UsageError: The server does not answer.
        """
        if problem := self.ask("1", 0.0).problem:
            raise UsageError(
                f"cannot query Prometheus at {self.url}: {problem}",
                "correct --prometheus, or the credentials (--prometheus-token-file, "
                "--prometheus-header, --prometheus-ca)",
            )


def tls_context(ca: Path | None, certificate: Path | None, key: Path | None) -> ssl.SSLContext:
    """A TLS context for a client.

    Args:
        ca: Certificates in PEM that verify the server; None uses those of this machine.
        certificate: The certificate of the client, for a server that requires one.
        key: The key of the client's certificate; None if it is in the same file.

    Raises:
        UsageError: A file cannot be read, or has no certificate or key.
    """
    try:
        context = ssl.create_default_context(cafile=ca)
        if certificate:
            context.load_cert_chain(certificate, key)
    except (OSError, ssl.SSLError) as error:
        files = ", ".join(str(path) for path in (ca, certificate, key) if path)
        reason = error.strerror or error
        raise UsageError(f"cannot use {files} for TLS: {reason}", "give PEM files") from error
    return context


def _read(answer: Answer) -> QueryAnswer:
    try:
        document = json.loads(answer.body)
        if document["status"] != "success":
            return QueryAnswer(problem=f"{answer.status}: {document['error']}")
        if doubt := _doubt(document):
            return QueryAnswer(problem=f"the answer may be incomplete: {doubt}")
        return QueryAnswer(found=_found(document["data"]))
    except (ValueError, LookupError, TypeError):
        detail = "but not as Prometheus does" if answer.status == 200 else "without a reason"
        return QueryAnswer(problem=f"it answered {answer.status}, {detail}")


def _doubt(document: Mapping[str, Any]) -> str:
    """Why the server itself doubts a successful answer; empty if it does not.

    Warnings tell of stores that did not answer, as in Thanos; VictoriaMetrics has a flag for that.
    Advice on a query, an "info", is among the warnings of some versions.
    """
    warnings = [str(one) for one in document.get("warnings") or ()]
    real = [one for one in warnings if not one.startswith("PromQL info")]
    partial = "a part of the storage did not answer" if document.get("isPartial") is True else ""
    return next(iter(real), partial)


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
