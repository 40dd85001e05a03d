"""`python -m sample_app.migrate [REVISION]`: migrates the configured database's schema.

The default revision is the newest; `base` removes all tables with their data.
"""

from __future__ import annotations

import asyncio
import sys

from alembic.util import CommandError
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import create_async_engine

from sample_app.core.logs.json_lines import configure_logs
from sample_app.migrations.migrating import migrate
from sample_app.settings import Settings


async def _migrate(url: str, revision: str) -> None:
    engine = create_async_engine(url)
    try:
        await migrate(engine, revision)
    finally:
        await engine.dispose()


def main(arguments: list[str]) -> int:
    """Migrate; return the exit code, 0 on success."""
    settings = Settings()
    configure_logs(settings.log.level)
    if len(arguments) > 1 or any(word.startswith("-") for word in arguments):
        sys.stderr.write(f"{(__doc__ or '').strip()}\n")
        return 2
    try:
        asyncio.run(_migrate(settings.database.url, *(arguments or ["head"])))
    except (CommandError, SQLAlchemyError, OSError) as error:
        sys.stderr.write(f"not migrated: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
