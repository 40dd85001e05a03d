"""Every statement of a request finds its rows by an index, on both databases."""

from __future__ import annotations

import pytest
from sqlalchemy import Connection, event

from tests.integration.sample_app.conftest import Service

pytestmark = pytest.mark.untraced  # test_contacts_api.py runs the same lines

API = "/api/v1"


@pytest.mark.parametrize(
    ("method", "path", "statements"),
    [
        pytest.param("GET", "/contacts?page=3", 1, id="a page"),
        pytest.param("GET", "/contacts?cursor=WyJsIiwgMV0", 1, id="a page after a cursor"),
        pytest.param("GET", "/contacts/search?q=smi", 1, id="a search"),
        pytest.param("GET", "/contacts/7", 1, id="a contact"),
        pytest.param("GET", "/contacts/export", 3, id="an export, with its audit entry"),
        pytest.param("GET", "/companies", 2, id="companies"),
        pytest.param("GET", "/companies/3", 1, id="a company"),
        pytest.param("PATCH", "/contacts/8", 2, id="a change"),
        pytest.param("DELETE", "/contacts/9", 1, id="a deletion"),
    ],
)
async def test_plan_scans_no_table_for(
    service: Service, method: str, path: str, statements: int
) -> None:
    engine = service.app.state.services.contacts._database.engine
    asked: list[tuple[str, object]] = []

    def listen(*call: object) -> None:
        asked.append((str(call[2]), call[3]))

    event.listen(engine.sync_engine, "before_cursor_execute", listen)
    answer = await service.client.request(
        method, f"{API}{path}", json={"notes": "x"} if method == "PATCH" else None
    )
    event.remove(engine.sync_engine, "before_cursor_execute", listen)
    assert answer.status_code in {200, 204}, answer.text
    assert len(asked) == statements
    async with engine.connect() as connection:
        for statement, parameters in asked:
            if statement.startswith("SELECT count(*)"):
                continue  # reads the table up to the cap
            assert scans(await connection.run_sync(plan, statement, parameters)) == [], statement


def plan(connection: Connection, statement: str, parameters: tuple[object, ...]) -> list[str]:
    if connection.dialect.name == "sqlite":
        rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
        return [str(row[3]) for row in rows]
    # So few rows are quicker read whole: what matters is that there is another way.
    connection.exec_driver_sql("SET enable_seqscan = off")
    return [str(row[0]) for row in connection.exec_driver_sql(f"EXPLAIN {statement}", parameters)]


def scans(steps: list[str]) -> list[str]:
    """The steps that read a whole table; reading a whole index in its order is none."""
    return [
        step
        for step in steps
        if "Seq Scan" in step or (step.startswith("SCAN ") and " USING " not in step)
        if step not in {"SCAN CONSTANT ROW", "SCAN capped"}  # the latter are rows already read
    ]


async def test_plan_of_a_search_without_its_index_would_be_seen(service: Service) -> None:
    engine = service.app.state.services.contacts._database.engine
    query = "SELECT id FROM contacts WHERE notes = 'x'"
    async with engine.connect() as connection:
        assert scans(await connection.run_sync(plan, query, ())) != []
