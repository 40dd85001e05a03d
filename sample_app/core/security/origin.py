"""Where the current request comes from, for the audit log and the lock-out."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from typing import Final


@dataclass(frozen=True, slots=True)
class Origin:
    """The client of a request.

    Attributes:
        address: Its network address.
        user_id: The user of its token; None without a valid token.
    """

    address: str = "unknown"
    user_id: int | None = None


_NOWHERE: Final = Origin()
origin: ContextVar[Origin] = ContextVar("origin", default=_NOWHERE)


def network_of(address: str) -> str:
    """The address, or its /64 network for IPv6, in which one client can take any address."""
    if ":" not in address:
        return address  # the usual case, without the time of parsing
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped is None:
        return f"{IPv6Address(int(parsed) >> 64 << 64)}/64"
    return address
