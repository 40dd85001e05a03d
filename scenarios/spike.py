"""A sudden peak of readers, who mostly read popular contacts.

A plain locustfile; it also runs under Locust itself, from the folder that holds `scenarios`:

    locust -f scenarios/spike.py --headless -u 50 -r 50 -t 30s -H http://127.0.0.1:8000
"""

from __future__ import annotations

from scenarios.people import Person


class Reader(Person):
    """Almost only reads."""

    tasks = {  # type: ignore[assignment]  # noqa: RUF012 - Locust takes weights, too
        Person.look: 66,
        Person.search: 16,
        Person.browse: 14,
        Person.create: 1,
        Person.delete: 1,
        Person.health: 2,
    }
