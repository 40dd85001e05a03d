"""The usual mix at a rising rate: finds the capacity of one process on one core.

A plain locustfile; it also runs under Locust itself, from the folder that holds `scenarios`:

    locust -f scenarios/stress.py --headless -u 50 -r 10 -t 60s -H http://127.0.0.1:8000
"""

from __future__ import annotations

from scenarios.people import Person


class Busy(Person):
    """Nine of ten requests read, one writes."""

    tasks = {  # type: ignore[assignment]  # noqa: RUF012 - Locust takes weights, too
        Person.look: 48,
        Person.browse: 20,
        Person.search: 14,
        Person.scroll: 2,
        Person.company: 3,
        Person.create: 4,
        Person.edit: 4,
        Person.delete: 2,
        Person.log_in: 1,
        Person.health: 2,
    }
