"""Orders, customers and items in SQLite."""

from sqlalchemy import Column, Integer, MetaData, String, Table, insert, select, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import StaticPool

engine = create_async_engine("sqlite+aiosqlite://", poolclass=StaticPool)
metadata = MetaData()
customer_table = Table(
    "customers",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String),
)
order_table = Table(
    "orders",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("customer_id", Integer),
)
item_table = Table(
    "items",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String, index=True),
)
ITEMS = """
WITH RECURSIVE numbers(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM numbers WHERE n < 99999)
INSERT INTO items (id, name) SELECT n, 'item ' || n FROM numbers
"""


async def fill() -> None:
    async with engine.begin() as connection:
        await connection.run_sync(metadata.create_all)
        customers = [{"id": n, "name": f"customer {n}"} for n in range(20)]
        await connection.execute(insert(customer_table), customers)
        orders = [{"id": n, "customer_id": n} for n in range(20)]
        await connection.execute(insert(order_table), orders)
        await connection.execute(text(ITEMS))


async def orders() -> list[tuple[int, str]]:
    statement = select(order_table.c.id, customer_table.c.name).join(
        customer_table, customer_table.c.id == order_table.c.customer_id
    )
    async with engine.connect() as connection:
        found = await connection.execute(statement)
        return [(row.id, row.name) for row in found]


async def item(number: int) -> str:
    statement = select(item_table.c.name).where(item_table.c.id == number)
    async with engine.connect() as connection:
        return str((await connection.execute(statement)).scalar_one())


async def search(name: str) -> list[str]:
    statement = select(item_table.c.name).where(item_table.c.name == name)
    async with engine.connect() as connection:
        return list((await connection.execute(statement)).scalars())
