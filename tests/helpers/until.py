"""Waiting for what nothing announces: looking again until it is so, or the time is over."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

Found = TypeVar("Found")


def until(look: Callable[[], Found], what: str = "it did not become so", *, seconds: float = 20.0) -> Found:
    """Look until there is something true, and return it; `what` is told when the time is over."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.01)
    return found
