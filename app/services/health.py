"""Whether the service can do its work."""

from __future__ import annotations

from app.errors import Problem
from app.services.registry import Registry
from app.store.migrating import head, present_revision


def is_ready(registry: Registry) -> bool:
    """Whether the database answers and has the tables this release works with."""
    try:
        return present_revision(registry.database) == head()
    except Problem:
        return False
