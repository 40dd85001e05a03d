"""Answers by idempotency key, in memory or in Redis."""
