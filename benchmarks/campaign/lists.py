"""The locustfile of the campaign: pages of contacts of equal cost."""

from __future__ import annotations

import random

from locust import FastHttpUser, task

CONTACTS = "/api/v1/contacts"


class Reader(FastHttpUser):
    """Reads one of the first pages."""

    @task
    def list_contacts(self) -> None:
        """A page of twenty."""
        self.client.get(CONTACTS, params={"page": random.randint(1, 20)}, name=CONTACTS)
