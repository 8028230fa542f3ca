"""The catalogue's schema, as steps: step n takes a database from `PRAGMA user_version` n-1 to n.

A step that has been released is never edited; a change of the schema is a new module `v<n>`.
"""

from __future__ import annotations

from importlib import import_module

LATEST = 4
"""The schema version this rocker writes."""


def statements(version: int) -> tuple[str, ...]:
    """The SQL statements of step `version`, run in one transaction."""
    found: tuple[str, ...] = import_module(f"{__name__}.v{version}").STATEMENTS
    return found
