"""The business events: label values of `business_events_total`, and messages of log lines."""

from __future__ import annotations

from enum import StrEnum


class Event(StrEnum):
    """What has happened; it is in the database."""

    USER_REGISTERED = "user_registered"
    CONTACT_CREATED = "contact_created"  # one by one; an import is one event
    CONTACT_CHANGED = "contact_changed"
    CONTACT_DELETED = "contact_deleted"
    COMPANY_RENAMED = "company_renamed"
    IMPORT_FINISHED = "import_finished"
    IMPORT_BROKEN_OFF = "import_broken_off"
    EXPORT_FINISHED = "export_finished"  # the client has read all of it
