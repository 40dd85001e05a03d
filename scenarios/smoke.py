"""All operations of the API at a low rate: a quick check of the service.

A plain locustfile; it also runs under Locust itself, from the folder that holds `scenarios`:

    locust -f scenarios/smoke.py --headless -u 5 -r 5 -t 10s -H http://127.0.0.1:8000
"""

from __future__ import annotations

import random

from scenarios.people import CONTACT, CONTACTS, SEEDED, Person

POPULAR = range(1, 11)  # most reads are for these ids, so the cache has hits within seconds


class Visitor(Person):
    """Mostly reads, and of everything else a little."""

    def get_contact(self) -> None:
        """Get a contact, mostly a popular one."""
        identifier = random.choice(POPULAR if random.random() < 0.98 else range(1, SEEDED + 1))
        self.client.get(f"{CONTACTS}/{identifier}", name=CONTACT)

    tasks = {  # type: ignore[assignment]  # noqa: RUF012 - Locust takes weights, too
        get_contact: 520,
        Person.browse: 240,
        Person.search: 130,
        Person.scroll: 10,
        Person.create: 40,
        Person.edit: 30,
        Person.replace: 10,
        Person.delete: 52,
        Person.export: 2,
        Person.import_file: 3,
        Person.companies: 15,
        Person.compare_companies: 2,
        Person.company: 15,
        Person.save_company: 1,
        Person.refresh_company: 4,
        Person.log_in: 3,
        Person.renew: 1,
        Person.register: 2,
        Person.administer: 1,
        Person.health: 100,
    }
