"""The simplest locustfile there is."""

from __future__ import annotations

from locust import HttpUser, task


class Visitor(HttpUser):
    """Reads one page."""

    @task
    def read(self) -> None:
        """Read it."""
        self.client.get("/a")
