"""`version`: what runs here, as Docker's `GET /version` has it."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from rocker.engine.engine import Engine

API_VERSION = "1.50"
MIN_API_VERSION = "1.24"


def version(engine: Engine) -> dict[str, Any]:
    """Return the document; see `Engine.version`."""
    from rocker.engine.find_image import host_architecture

    own = engine.core.__version__
    kernel = os.uname().release
    details = {
        "ApiVersion": API_VERSION,
        "Arch": host_architecture(),
        "KernelVersion": kernel,
        "MinAPIVersion": MIN_API_VERSION,
        "Os": "linux",
    }
    return {
        "Platform": {"Name": "rocker"},
        "Components": [{"Name": "Engine", "Version": own, "Details": details}],
        "Version": own,
        "ApiVersion": API_VERSION,
        "MinAPIVersion": MIN_API_VERSION,
        "Os": "linux",
        "Arch": host_architecture(),
        "KernelVersion": kernel,
    }
