"""The data set, the same at each start, independent of earlier runs.

A seeded contact that was changed is recognised by its `updated_at`. Changed and foreign contacts
are deleted, missing ones inserted: a second start in a row writes nothing.
"""

from __future__ import annotations

from datetime import UTC, datetime
from random import Random
from typing import Final, TypedDict

from sqlalchemy import TextClause, delete, insert, or_, select, text
from sqlalchemy.ext.asyncio import AsyncEngine

from sample_app.core.database.start_lock import lock_others_out
from sample_app.models.company import Company
from sample_app.models.contact import Contact, search_key
from sample_app.settings import SeedSettings

SEED_TIME: Final = datetime(2026, 1, 1, tzinfo=UTC)
# fmt: off
_FIRST: Final = (
    "Ada", "Alan", "Barbara", "Claude", "Dorothy", "Edsger", "Frances", "Grace", "Hedy", "Ivan",
    "Joan", "Katherine", "Leslie", "Margaret", "Niklaus", "Olga", "Peter", "Radia", "Sophie",
    "Tim", "Ursula", "Vint", "Wanda", "Xia", "Yukihiro", "Zoe",
)
_LAST: Final = (
    "Adams", "Baker", "Clark", "Davis", "Evans", "Fisher", "Garcia", "Harris", "Ivanov",
    "Johnson", "Kowalski", "Lopez", "Miller", "Nguyen", "Okafor", "Patel", "Quinn", "Rossi",
    "Smith", "Taylor", "Ueda", "Vargas", "Wilson", "Xu", "Young", "Zhang",
)
_TRADES: Final = (
    "Analytics", "Bakery", "Consulting", "Design", "Energy", "Foods", "Games", "Health", "Labs",
    "Motors",
)
# fmt: on


class ContactRow(TypedDict):
    """The columns of one contact."""

    id: int
    company_id: int
    first_name: str
    last_name: str
    search_key: str
    email: str
    phone: str
    notes: str
    created_at: datetime
    updated_at: datetime
    welcomed_at: datetime


async def seed(engine: AsyncEngine, settings: SeedSettings) -> int:
    """Bring the data into its known state; the tables must exist.

    Several processes may start at once: one inserts, the others wait and have nothing to insert.

    Returns:
        How many contacts had to be inserted.
    """
    if not settings.rows:
        return 0
    async with engine.begin() as connection:
        await connection.run_sync(lock_others_out)
        companies = set(await connection.scalars(select(Company.id)))
        if missing := set(range(1, settings.companies + 1)) - companies:
            await connection.execute(insert(Company), [_company(n) for n in sorted(missing)])
        changed = or_(Contact.id > settings.rows, Contact.updated_at != SEED_TIME)
        await connection.execute(delete(Contact).where(changed))
        present = set(await connection.scalars(select(Contact.id)))
        rows = [row for row in contacts(settings) if row["id"] not in present]
        if rows:
            await connection.execute(insert(Contact), rows)
        if engine.dialect.name == "postgresql":
            for table in ("companies", "contacts"):
                await connection.execute(_number_on(table))
            if rows:  # else the planner knows the tables as empty for about a minute
                await connection.execute(text("ANALYZE companies, contacts"))
        return len(rows)


def _number_on(table: str) -> TextClause:
    """PostgreSQL numbers from a sequence, which rows that bring their own id do not move."""
    return text(
        f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), max(id)) FROM {table}"  # noqa: S608 - a word of ours
    )


def contacts(settings: SeedSettings) -> list[ContactRow]:
    """Every seeded contact, by id; the same settings give the same contacts."""
    random = Random(settings.random)  # noqa: S311 - data, not secrets
    return [_contact(n, random, settings.companies) for n in range(1, settings.rows + 1)]


def _company(number: int) -> dict[str, object]:
    last = _LAST[number % len(_LAST)]
    return {"id": number, "name": f"{last} {_TRADES[number % len(_TRADES)]} {number}"}


def _contact(number: int, random: Random, companies: int) -> ContactRow:
    first, last = random.choice(_FIRST), random.choice(_LAST)
    return ContactRow(
        id=number,
        company_id=random.randint(1, companies),
        first_name=first,
        last_name=last,
        search_key=search_key(first, last),
        email=f"{first}.{last}.{number}@example.com".lower(),
        phone=f"+1-555-{random.randrange(10_000_000):07d}",
        notes=f"Met {first} at a conference. " * random.randint(1, 8),
        created_at=SEED_TIME,
        updated_at=SEED_TIME,
        welcomed_at=SEED_TIME,
    )
