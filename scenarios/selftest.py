"""A mix in which each planted regression shows: see `selftest:` in budgets.yaml.

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
POPULAR = range(1, 21)  # most people look at these, so the cache can work
SEEDED = range(1, 10_001)  # exist at each start and are never deleted here
TEAM = 4  # people who open a contact that one of them has just changed


class Visitor(FastHttpUser):
    """Mostly reads; each kind of request is frequent enough for its budgets."""

    wait_time = between(0.05, 0.15)

    @task(56)
    def list_contacts(self) -> None:
        """One of the first pages."""
        self.client.get(CONTACTS, params={"page": random.randint(1, 20)}, name=CONTACTS)

    @task(26)
    def search_contacts(self) -> None:
        """The beginning of a last name, in two or three letters."""
        q = random.choice(("ada", "ki", "mil", "ngu", "pat", "smi", "tay", "wil", "zh"))
        self.client.get(f"{CONTACTS}/search", params={"q": q}, name=f"{CONTACTS}/search")

    @task(100)
    def get_contact(self) -> None:
        """Mostly a popular one."""
        self._get(random.choice(POPULAR if random.random() < 0.97 else SEEDED))

    @task(14)
    def create_contact(self) -> None:
        """Somebody new, for whom the service works on after it has answered."""
        self.client.post(CONTACTS, json=somebody(), name=CONTACTS)

    @task(5)
    def change_and_tell_the_team(self) -> None:
        """A note on a popular contact, which the whole team then opens at once."""
        identifier = random.choice(POPULAR)
        self.client.patch(f"{CONTACTS}/{identifier}", json={"notes": "Called."}, name=CONTACT)
        gevent.joinall([gevent.spawn(self._get, identifier) for _ in range(TEAM)])

    @task(6)
    def health(self) -> None:
        """What a load balancer asks."""
        self.client.get("/health")

    def _get(self, identifier: int) -> None:
        self.client.get(f"{CONTACTS}/{identifier}", name=CONTACT)


def somebody() -> dict[str, object]:
    """A valid contact with an address that nobody has."""
    return {
        "first_name": "Load",
        "last_name": "Test",
        "email": f"load.{uuid4().hex}@example.com",
        "company_id": random.randint(1, 200),
    }
