"""Structured logs: one JSON object a line, each with the correlation id and user of its request."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime

from opentelemetry import trace

from sample_app.core.logs.correlation import request_id, user_id
from sample_app.core.logs.redaction import redact, redact_field

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "color_message"}


class JsonFormatter(logging.Formatter):
    """Formats a record as one line.

    Its keys: time, level, logger, function and line of the source, message; in a request
    request_id, user_id and trace_id; and the extras of the call.
    """

    def format(self, record: logging.LogRecord) -> str:
        """One JSON object; values that JSON cannot hold become text."""
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname,
            "logger": record.name,
            "function": record.funcName,
            "line": record.lineno,
            "message": redact(record.getMessage()),
        }
        if identifier := request_id.get():
            line["request_id"] = identifier
        if (user := user_id.get()) is not None:
            line["user_id"] = user
        span = trace.get_current_span().get_span_context()
        if span.is_valid:
            line["trace_id"] = trace.format_trace_id(span.trace_id)
        extras = ((k, v) for k, v in vars(record).items() if k not in _STANDARD)
        line.update((k, redact_field(k, v)) for k, v in extras)
        if record.exc_info:
            line["exception"] = redact(self.formatException(record.exc_info))
        return json.dumps(line, default=str)


def configure_logs(level: str) -> None:
    """Send every logger of the process, the server's too, to standard error as JSON lines.

    The server's access log is silenced: `AccessLog` writes one with the correlation id.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for name in ("uvicorn", "uvicorn.error"):
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
    logging.getLogger("uvicorn.access").disabled = True
    # httpx has a line with the whole URL for each request; telemetry/outgoing.py has the failures.
    for name in ("aiosqlite", "httpx"):
        logging.getLogger(name).setLevel(logging.WARNING)
