"""The data set that load tests need: contacts 1..rows, the same in every database.

A start adds the contacts that are missing, and a second start in a row adds nothing. A seeded
contact is known by its id and by when it was created, which no request changes. Rows made by others
are neither changed nor deleted, and changed seeded contacts stay changed; a seeded contact that was
deleted comes back. When rows of others have the ids, addresses or names of the data set, nothing is
added, and a warning says which row it was.

With `reset` the data is brought back into its known state: every other contact is deleted, and so
is every changed one, before the missing ones are added. That is for databases of load tests.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import UTC, datetime
from random import Random
from typing import Final, TypedDict

from sqlalchemy import TextClause, delete, insert, or_, select, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from sample_app.core.database.start_lock import lock_others_out
from sample_app.models.company import Company
from sample_app.models.contact import Contact, search_key
from sample_app.settings import SeedSettings

SEED_TIME: Final = datetime(2026, 1, 1, tzinfo=UTC)
_BATCH: Final = 5000  # values of one statement
_log = logging.getLogger("sample_app.seeding")
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
    """Add what is missing of the data set; the tables must exist.

    Several processes may start at once: one inserts, the others wait and have nothing to insert.

    Returns:
        How many contacts were inserted.
    """
    if not settings.rows:
        return 0
    async with engine.connect() as connection:
        await connection.run_sync(lock_others_out)
        if settings.reset:
            changed = or_(Contact.id > settings.rows, Contact.updated_at != SEED_TIME)
            await connection.execute(delete(Contact).where(changed))
        rows = await _missing(connection, settings)
        if problem := await _collision(connection, settings, rows):
            await connection.rollback()
            _log.warning("not seeded: the database has other data", extra={"problem": problem})
            return 0
        if rows:
            present = set(await connection.scalars(select(Company.id)))
            if companies := set(range(1, settings.companies + 1)) - present:
                await connection.execute(insert(Company), [_company(n) for n in sorted(companies)])
            await connection.execute(insert(Contact), rows)
            await _after_insert(connection)
        await connection.commit()
        return len(rows)


async def _missing(connection: AsyncConnection, settings: SeedSettings) -> list[ContactRow]:
    """The seeded contacts that do not exist."""
    present = set(await connection.scalars(select(Contact.id).where(Contact.id <= settings.rows)))
    if len(present) == settings.rows:
        return []
    return [row for row in contacts(settings) if row["id"] not in present]


async def _collision(
    connection: AsyncConnection, settings: SeedSettings, rows: Sequence[ContactRow]
) -> str:
    """Why `rows` must not be added to the database: what else has their ids, addresses or names."""
    others = select(Contact.id).where(Contact.id <= settings.rows, Contact.created_at != SEED_TIME)
    if (number := await connection.scalar(others.limit(1))) is not None:
        return f"contact {number} is not a seeded one"
    emails = [row["email"] for row in rows]
    for start in range(0, len(emails), _BATCH):
        taken = select(Contact.id).where(Contact.email.in_(emails[start : start + _BATCH]))
        if (number := await connection.scalar(taken.limit(1))) is not None:
            return f"contact {number} has the e-mail address of a seeded one"
    if len(rows) < settings.rows:  # companies were added then, and may have other names by now
        return ""
    numbers = {str(_company(n)["name"]): n for n in range(1, settings.companies + 1)}
    for number, name in await connection.execute(select(Company.id, Company.name)):
        ours = numbers.get(name) == number
        if not ours and (name in numbers or number <= settings.companies):
            return f"company {number} is not a seeded one"
    return ""


async def _after_insert(connection: AsyncConnection) -> None:
    """On PostgreSQL, number new rows after the seeded ones, and let the planner know the tables."""
    if connection.dialect.name != "postgresql":
        return
    for table in ("companies", "contacts"):
        await connection.execute(_number_on(table))
    # Else the planner takes the tables for empty for about a minute.
    await connection.execute(text("ANALYZE companies, contacts"))


def _number_on(table: str) -> TextClause:
    """PostgreSQL numbers from a sequence, which rows that bring their own id do not move.

    It never goes back: another process may have taken numbers that are not committed yet.
    """
    sequence = f"{table}_id_seq"
    return text(
        f"SELECT setval('{sequence}', greatest((SELECT max(id) FROM {table}), last_value))"  # noqa: S608 - words of ours
        f" FROM {sequence}"
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
