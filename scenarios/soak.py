"""All actions at a low rate for hours: finds growth, leaks and exhausted resources.

A plain locustfile; it also runs under Locust itself, from the folder that holds `scenarios`:

    locust -f scenarios/soak.py --headless -u 5 -r 5 -t 1h -H http://127.0.0.1:8000
"""

from __future__ import annotations

from scenarios.people import Person


class Colleague(Person):
    """Writes more than the users of other scenarios, logs in, and sometimes moves whole files."""

    tasks = {  # type: ignore[assignment]  # noqa: RUF012 - Locust takes weights, too
        Person.look: 380,
        Person.browse: 160,
        Person.search: 120,
        Person.scroll: 20,
        Person.create: 60,
        Person.edit: 70,
        Person.replace: 10,
        Person.delete: 80,
        Person.export: 5,
        Person.import_file: 5,
        Person.companies: 15,
        Person.compare_companies: 5,
        Person.company: 20,
        Person.rename_company: 1,
        Person.refresh_company: 5,
        Person.log_in: 18,
        Person.renew: 1,
        Person.register: 1,
        Person.administer: 2,
        Person.health: 20,
    }
