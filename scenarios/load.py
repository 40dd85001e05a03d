"""The usual use of contacts: skewed popularity, paged lists, some writes.

A plain locustfile; it also runs under Locust itself, from the folder that holds `scenarios`:

    locust -f scenarios/load.py --headless -u 20 -r 20 -t 30s -H http://127.0.0.1:8000
"""

from __future__ import annotations

from scenarios.people import Person


class Colleague(Person):
    """Nine of ten requests read, one writes.

    The class has weighted tasks, so the mix is the same for one user and for a hundred.
    """

    tasks = {  # type: ignore[assignment]  # noqa: RUF012 - Locust takes weights, too
        Person.look: 440,
        Person.browse: 250,
        Person.search: 160,
        Person.scroll: 5,
        Person.create: 30,
        Person.edit: 30,
        Person.replace: 5,
        Person.delete: 38,
        Person.export: 1,
        Person.import_file: 2,
        Person.companies: 10,
        Person.compare_companies: 2,
        Person.company: 20,
        Person.rename_company: 1,
        Person.refresh_company: 2,
        Person.log_in: 2,
        Person.renew: 1,
        Person.register: 1,
        Person.administer: 1,
        Person.health: 15,
    }
