"""Requests on which each planted regression has an effect: see `selftest:` in budgets.yaml.

A plain locustfile; it also runs under Locust itself:

    locust -f scenarios/selftest.py --headless -u 6 -r 6 -t 20s -H http://127.0.0.1:8000
"""

from __future__ import annotations

import random
from uuid import uuid4

import gevent
from locust import FastHttpUser, between, task

CONTACTS = "/api/v1/contacts"
CONTACT = f"{CONTACTS}/{{id}}"
POPULAR = range(1, 21)  # most reads are for these ids, so the cache has hits
SEEDED = range(1, 10_001)  # exist at each start and are never deleted here
TEAM = 4  # users who open a contact directly after one of them changed it


class Visitor(FastHttpUser):
    """Mostly reads; each kind of request is frequent enough for its budgets to be judged."""

    wait_time = between(0.05, 0.15)

    @task(56)
    def list_contacts(self) -> None:
        """Get one of the first pages."""
        self.client.get(CONTACTS, params={"page": random.randint(1, 20)}, name=CONTACTS)

    @task(26)
    def search_contacts(self) -> None:
        """Search for the first two or three letters of a last name."""
        q = random.choice(("ada", "ki", "mil", "ngu", "pat", "smi", "tay", "wil", "zh"))
        self.client.get(f"{CONTACTS}/search", params={"q": q}, name=f"{CONTACTS}/search")

    @task(100)
    def get_contact(self) -> None:
        """Get a contact, mostly a popular one."""
        self._get(random.choice(POPULAR if random.random() < 0.97 else SEEDED))

    @task(14)
    def create_contact(self) -> None:
        """Create a contact; the service starts a background task for it."""
        self.client.post(CONTACTS, json=somebody(), name=CONTACTS)

    @task(5)
    def change_and_tell_the_team(self) -> None:
        """Change the note of a popular contact; then the whole team opens it at the same time."""
        identifier = random.choice(POPULAR)
        self.client.patch(f"{CONTACTS}/{identifier}", json={"notes": "Called."}, name=CONTACT)
        gevent.joinall([gevent.spawn(self._get, identifier) for _ in range(TEAM)])

    @task(6)
    def health(self) -> None:
        """Check the health, as a load balancer does."""
        self.client.get("/health")

    def _get(self, identifier: int) -> None:
        self.client.get(f"{CONTACTS}/{identifier}", name=CONTACT)


def somebody() -> dict[str, object]:
    """Return a valid contact with a unique e-mail address."""
    return {
        "first_name": "Load",
        "last_name": "Test",
        "email": f"load.{uuid4().hex}@example.com",
        "company_id": random.randint(1, 200),
    }
