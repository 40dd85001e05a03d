"""The usual mix at a rising rate: finds the capacity of one process on one core.

A plain locustfile; it also runs under Locust itself, from the folder that holds `scenarios`:

    locust -f scenarios/stress.py --headless -u 50 -r 10 -t 60s -H http://127.0.0.1:8000
"""

from __future__ import annotations

from scenarios.people import Person


class Busy(Person):
    """Nine of ten requests read, one writes."""

    tasks = {  # type: ignore[assignment]  # noqa: RUF012 - Locust takes weights, too
        Person.look: 480,
        Person.browse: 200,
        Person.search: 140,
        Person.scroll: 20,
        Person.companies: 10,
        Person.company: 20,
        Person.create: 30,
        Person.edit: 35,
        Person.replace: 5,
        Person.delete: 34,
        Person.import_file: 1,
        Person.log_in: 9,
        Person.register: 1,
        Person.health: 20,
    }
