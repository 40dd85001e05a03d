"""Structured logs: JSON lines, correlation ids, redaction, one line for each request."""
