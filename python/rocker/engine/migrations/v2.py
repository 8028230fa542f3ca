"""Kept free for volumes."""

from __future__ import annotations

STATEMENTS: tuple[str, ...] = ()
