"""The services of one running application."""

from __future__ import annotations

from dataclasses import dataclass

from sample_app.core.background import Background
from sample_app.services.contacts import ContactService
from sample_app.services.health import HealthService
from sample_app.services.users import UserService
from sample_app.services.welcome import WelcomeService


@dataclass(frozen=True, slots=True)
class Services:
    """What routes may ask for."""

    contacts: ContactService
    users: UserService
    welcome: WelcomeService
    health: HealthService
    background: Background
