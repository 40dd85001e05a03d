"""A circuit breaker, bounded concurrency and retries."""
