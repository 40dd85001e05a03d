"""The services of one running application."""

from __future__ import annotations

from dataclasses import dataclass

from sample_app.core.tasks.background import Background
from sample_app.services.audit import AuditService
from sample_app.services.companies import CompanyService
from sample_app.services.contacts import ContactService
from sample_app.services.exports import ExportService
from sample_app.services.health import HealthService
from sample_app.services.imports import ImportService
from sample_app.services.inspection import InspectionService
from sample_app.services.sessions import SessionService
from sample_app.services.standings import StandingService
from sample_app.services.users import UserService


@dataclass(frozen=True, slots=True)
class Services:
    """The services that routes can use."""

    contacts: ContactService
    companies: CompanyService
    imports: ImportService
    exports: ExportService
    users: UserService
    sessions: SessionService
    standings: StandingService
    audit: AuditService
    health: HealthService
    inspection: InspectionService
    background: Background
