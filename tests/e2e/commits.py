"""Mistakes as commits in a repository of its own, and what a comparison said of them.

The service is in the folder `shop`.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.e2e.conftest import Project

SHOP = Path(__file__).with_name("shop")
LOCUSTFILE = """\
import random

from locust import FastHttpUser, task


class Visitor(FastHttpUser):
    @task
    def orders(self):
        self.client.get("/orders")

    @task
    def item(self):
        self.client.get(f"/items/{random.randrange(100_000)}", name="/items/{number}")

    @task
    def search(self):
        self.client.get(f"/search?name=item%20{random.randrange(100_000)}", name="/search")
"""
IDENTITY = {
    f"GIT_{role}_{field}": "x" for role in ("AUTHOR", "COMMITTER") for field in ("NAME", "EMAIL")
}
ITEM = "GET /items/{number}"


@dataclass(frozen=True)
class Mistake:
    """A change of the service; one of the lines with "# mistake" is to be named.

    Where a loop is the mistake, each of its lines is: the profile has few samples of each.
    """

    request: str
    file: str
    changes: tuple[tuple[str, str], ...]


MISTAKES = {
    "a statement for each row": Mistake(
        "GET /orders",
        "store.py",
        (
            (
                """\
    statement = select(order_table.c.id, customer_table.c.name).join(
        customer_table, customer_table.c.id == order_table.c.customer_id
    )
    async with engine.connect() as connection:
        found = await connection.execute(statement)
        return [(row.id, row.name) for row in found]
""",
                """\
    found = []
    async with engine.connect() as connection:
        for row in await connection.execute(select(order_table)):  # mistake
            known = customer_table.c.id == row.customer_id  # mistake
            customer = select(customer_table.c.name).where(known)  # mistake
            name = (await connection.execute(customer)).scalar_one()  # mistake
            found.append((row.id, name))
    return found
""",
            ),
        ),
    ),
    "a blocking call in the event loop": Mistake(
        ITEM,
        "app.py",
        (
            ("import sys\n", "import sys\nimport time\n"),
            (
                "    name = await store.item(number)\n",
                "    time.sleep(0.05)  # mistake\n    name = await store.item(number)\n",
            ),
        ),
    ),
    "a statement without its index": Mistake(
        "GET /search",
        "store.py",
        (
            ("Table, insert", "Table, func, insert"),
            (
                "where(item_table.c.name == name)",
                "where(func.lower(item_table.c.name) == name)  # mistake",
            ),
        ),
    ),
    "a loop in a helper": Mistake(
        ITEM,
        "prices.py",
        (
            ('"""Prices of items."""\n', '"""Prices of items."""\n\nfrom hashlib import sha256\n'),
            (
                "    return 100 + number % 50\n",
                """\
    digest = b""
    for step in range(50_000):
        digest = sha256(digest + str(step).encode()).digest()  # mistake
    return 100 + digest[0] % 50
""",
            ),
        ),
    ),
    "a lock that is kept while it waits": Mistake(
        ITEM,
        "store.py",
        (
            ("from sqlalchemy import Column", "import asyncio\n\nfrom sqlalchemy import Column"),
            ("metadata = MetaData()\n", "metadata = MetaData()\nlock = asyncio.Lock()\n"),
            (
                """\
    async with engine.connect() as connection:
        return str(""",
                """\
    async with lock, engine.connect() as connection:  # mistake
        await asyncio.sleep(0.05)  # mistake
        return str(""",
            ),
        ),
    ),
}


def document(request: str) -> dict[str, Any]:
    return {
        "version": 1,
        "service": "shop",
        "target": {
            "command": f"{sys.executable} app.py {{port}}",
            "url": "http://127.0.0.1:{port}",
            "ready": "/health",
            "ready_timeout": "2m",
        },
        "scenarios": {
            "quick": {"locustfile": "load.py", "rate": "12/s", "warm_up": "1s", "duration": "5s"}
        },
        "budgets": {
            "latency": {
                "indicator": {"kind": "latency", "quantile": 0.5, "request": request},
                "max": "1s",
                "max_regression": "20%",
            }
        },
    }


def with_mistake(path: Path, mistake: Mistake) -> tuple[Project, set[str]]:
    """A repository whose last commit is the mistake; and the places of which one is to be named."""
    shutil.copytree(SHOP, path, ignore=shutil.ignore_patterns("__pycache__"), dirs_exist_ok=True)
    (path / "load.py").write_text(LOCUSTFILE)
    (path / ".gitignore").write_text("__pycache__/\nout/\n")
    environment = {**IDENTITY, "GIT_CONFIG_GLOBAL": os.devnull}
    project = Project(path, document(mistake.request), environment)
    project.write()

    def git(*arguments: str) -> None:
        subprocess.run(["git", *arguments], cwd=path, env=os.environ | environment, check=True)

    for command in (("init", "--quiet"), ("add", "--all"), ("commit", "--quiet", "-m", "one")):
        git(*command)
    text = (path / mistake.file).read_text()
    for old, new in mistake.changes:
        assert text.count(old) == 1
        text = text.replace(old, new)
    (path / mistake.file).write_text(text)
    git("commit", "--quiet", "--all", "-m", "two")
    lines = enumerate(text.splitlines(), 1)
    return project, {f"{mistake.file}:{number}" for number, one in lines if "# mistake" in one}


ARGUMENTS = (
    *("compare", "--baseline", "HEAD~1", "--diagnose", "breach", "--out", "out"),
    *("--slices", "2", "--max-pairs", "24", "--diagnose-for", "8s"),
)


def named_places(found: dict[str, Any]) -> list[str]:
    """The places in the order in which the reports have them."""
    (regression,) = found["regressions"]
    places = [one["place"] for one in (*regression["causes"], *regression["changed"])]
    return [place for place in places if place]
