"""Requests on which each planted regression has an effect: see `selftest:` in budgets.yaml.

A plain locustfile; it also runs under Locust itself, from the folder that holds `scenarios`:

    locust -f scenarios/selftest.py --headless -u 6 -r 6 -t 20s -H http://127.0.0.1:8000
"""

from __future__ import annotations

import random

import gevent

from scenarios.people import CONTACT, CONTACTS, SEEDED, Person

POPULAR = range(1, 21)  # most reads are for these ids, so the cache has hits
TEAM = 4  # users who open a contact directly after one of them changed it


class Visitor(Person):
    """Mostly reads; each kind of request is frequent enough for its budgets to be judged."""

    def list_contacts(self) -> None:
        """Get one of the first pages."""
        self.client.get(CONTACTS, params={"page": random.randint(1, 20)}, name=CONTACTS)

    def get_contact(self) -> None:
        """Get a contact, mostly a popular one."""
        self._get(random.choice(POPULAR if random.random() < 0.97 else range(1, SEEDED + 1)))

    def change_and_tell_the_team(self) -> None:
        """Change the note of a popular contact; then the whole team opens it at the same time."""
        identifier = random.choice(POPULAR)
        self.client.patch(f"{CONTACTS}/{identifier}", json={"notes": "Called."}, name=CONTACT)
        gevent.joinall([gevent.spawn(self._get, identifier) for _ in range(TEAM)])

    def export_lines(self) -> None:
        """Export all contacts as JSON lines."""
        path = f"{CONTACTS}/export"
        self.client.get(path, params={"format": "jsonl"}, name=path)

    def _get(self, identifier: int) -> None:
        self.client.get(f"{CONTACTS}/{identifier}", name=CONTACT)

    tasks = {  # type: ignore[assignment]  # noqa: RUF012 - Locust takes weights, too
        list_contacts: 56,
        get_contact: 100,
        change_and_tell_the_team: 5,
        export_lines: 3,
        Person.search: 26,
        Person.create: 14,
        Person.delete: 14,
        Person.company: 20,
        Person.compare_companies: 8,
        Person.health: 6,
    }
