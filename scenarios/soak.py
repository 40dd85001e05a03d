"""All actions at a low rate for hours: finds growth, leaks and exhausted resources.

A plain locustfile; it also runs under Locust itself, from the folder that holds `scenarios`:

    locust -f scenarios/soak.py --headless -u 5 -r 5 -t 1h -H http://127.0.0.1:8000
"""

from __future__ import annotations

from scenarios.people import Person


class Colleague(Person):
    """Writes more than the users of other scenarios, logs in, and sometimes exports all data."""

    tasks = {  # type: ignore[assignment]  # noqa: RUF012 - Locust takes weights, too
        Person.look: 40,
        Person.browse: 16,
        Person.search: 12,
        Person.scroll: 2,
        Person.company: 3,
        Person.export: 1,
        Person.create: 8,
        Person.edit: 8,
        Person.delete: 7,
        Person.log_in: 2,
        Person.health: 2,
    }
