"""Every query on companies."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncSession

from sample_app.models.company import Company


class CompanyRepository:
    """Companies in one session."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def get(self, identifier: int) -> Company | None:
        """One company."""
        return await self._session.get(Company, identifier)
