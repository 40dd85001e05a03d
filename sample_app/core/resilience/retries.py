"""Retries with exponential backoff, for short failures.

The waits double and have a random part, so that callers that failed at the same time do not retry
at the same time.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_attempt
from tenacity.wait import wait_exponential, wait_random

T = TypeVar("T")
LONGEST: Final = 30.0  # seconds of one wait


async def with_retries(
    work: Callable[[], Awaitable[T]],
    attempts: int,
    wait: float,
    on: tuple[type[Exception], ...],
    before_retry: Callable[[], None] = lambda: None,
) -> T:
    """The result of `work`, called until it succeeds or `attempts` are used up.

    Args:
        work: Must be safe to call several times.
        attempts: Tries in all; 1 is no retry.
        wait: Seconds before the second attempt, about; doubles each time.
        on: Temporary errors; any other error is raised at once.
        before_retry: Called before each further attempt.

    Raises:
        Exception: What the last attempt raised.
    """
    retrying = AsyncRetrying(
        retry=retry_if_exception_type(on),
        stop=stop_after_attempt(attempts),
        wait=wait_exponential(multiplier=wait, max=LONGEST) + wait_random(0, wait),
        before_sleep=lambda _: before_retry(),
        reraise=True,
    )
    return await retrying(work)
