"""What changed since the access tokens that are still valid were issued.

A token is valid for minutes. So few roles change and few sessions end meanwhile that a process can
hold all of them in memory: a request costs two look-ups and no query.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from sample_app.core.errors import UnauthenticatedError
from sample_app.core.security.roles import Caller, Role


class Standings:
    """The roles and sessions that differ from what valid tokens say.

    Args:
        life: Seconds for which a change matters: longer than any token is valid.
    """

    def __init__(self, life: float) -> None:
        self._life = timedelta(seconds=life)
        self._roles: dict[int, Role] = {}
        self._ended: dict[str, datetime] = {}

    def update(self, roles: Mapping[int, Role], ended: Iterable[str], now: datetime) -> None:
        """Take over the state of the database.

        Args:
            roles: The current role of every user whose role changed within the `life`, by id.
            ended: Sessions that ended; those of earlier calls are remembered.
            now: The current time.
        """
        self._roles = dict(roles)
        kept = {session: at for session, at in self._ended.items() if at > now - self._life}
        self._ended = dict.fromkeys(ended, now) | kept

    def current(self, caller: Caller) -> Caller:
        """The caller with the current role.

        Raises:
            UnauthenticatedError: When the session has ended.
        """
        if caller.session in self._ended:
            raise UnauthenticatedError("The session has ended. Log in again.")
        role = self._roles.get(caller.user_id, caller.role)
        return caller if role is caller.role else replace(caller, role=role)
