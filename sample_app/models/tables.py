"""Every table: import this where the metadata must be complete."""

from sample_app.models.audit_entry import AuditEntry
from sample_app.models.company import Company
from sample_app.models.contact import Contact
from sample_app.models.import_run import ImportRun
from sample_app.models.refresh_token import RefreshToken
from sample_app.models.task import BackgroundTask
from sample_app.models.user import User

__all__ = [
    "AuditEntry",
    "BackgroundTask",
    "Company",
    "Contact",
    "ImportRun",
    "RefreshToken",
    "User",
]
