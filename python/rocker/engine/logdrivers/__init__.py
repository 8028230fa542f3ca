"""Log drivers that send to a server: one module each, with `check(options)` and `remote(identity)`.

What they send is made in `rust/core/src/log/remote`.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, Protocol

    from rocker.engine.logdrivers.identity import Identity

    class Driver(Protocol):
        """A module of this package."""

        def check(self, options: Mapping[str, str]) -> None:
            """Refuse wrong values."""

        def remote(self, identity: Identity) -> dict[str, Any]:
            """Return the `log.remote` object of the launch request."""


def module(driver: str) -> Driver:
    """Return the module of a driver."""
    import importlib

    found: Any = importlib.import_module(f"rocker.engine.logdrivers.{driver}")
    driver_module: Driver = found
    return driver_module
