"""Device requests (`--gpus`, and names given to `--device`) as names of CDI devices."""

from __future__ import annotations

from rocker.cdi.names import split
from rocker.errors import InvalidArgumentError, NotFoundError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from rocker.cdi.registry import Registry
    from rocker.engine.options import DeviceRequest

# Kind and capabilities of each driver, in the order of preference. Docker's lists; a CDI specification gives all of a
# device, so that the capabilities choose a driver and nothing else.
_DRIVERS = {
    "nvidia": (
        "nvidia.com/gpu",
        frozenset({"gpu", "nvidia", "compute", "compat32", "graphics", "utility", "video", "display"}),
    ),
    "amd": ("amd.com/gpu", frozenset({"gpu", "amd"})),
}


def names_of(requests: Sequence[DeviceRequest], registry: Registry) -> list[str]:
    """Return the devices that are meant, in full, each once.

    Raises:
        InvalidArgumentError: a request contradicts itself, or no driver has what it asks for.
        NotFoundError: no GPU is described.
    """
    found: dict[str, None] = {}
    for request in requests:
        if request.count and request.device_ids:
            raise InvalidArgumentError("cannot set both Count and DeviceIDs on device request")
        if request.driver == "cdi":
            for name in request.device_ids:
                split(name)
                found[name] = None
            continue
        kind = _kind(request, registry)
        for name in _of_request(request, kind, registry):
            found[name] = None
    return list(found)


def _of_request(request: DeviceRequest, kind: str, registry: Registry) -> list[str]:
    if request.device_ids:
        return [name if "=" in name else f"{kind}={name}" for name in request.device_ids]
    if request.count >= 0:
        return [f"{kind}={number}" for number in range(request.count)]
    every = f"{kind}=all"
    # Generators write a device `all`; without one all is each of them.
    return [every] if every in registry.devices else registry.of_kind(kind) or [every]


def _kind(request: DeviceRequest, registry: Registry) -> str:
    drivers = [
        kind
        for name, (kind, offered) in _DRIVERS.items()
        if request.driver in {"", name} and any(offered.issuperset(wanted) for wanted in request.capabilities)
    ]
    if not drivers:
        raise InvalidArgumentError(
            _unselected(request), hint=f"drivers are {', '.join(_DRIVERS)}, and cdi for names in full"
        )
    found = [kind for kind in drivers if registry.of_kind(kind)]
    if found:
        return found[0]
    if registry.problems:
        hint = "; ".join(registry.problems)
    else:
        hint = (
            f"no CDI specification in {', '.join(registry.directories)} describes {' or '.join(drivers)}: "
            "for NVIDIA's `nvidia-ctk cdi generate --output=/etc/cdi/nvidia.yaml` writes one"
        )
    raise NotFoundError(_unselected(request), hint=hint)


def _unselected(request: DeviceRequest) -> str:
    shown = " ".join(f"[{' '.join(wanted)}]" for wanted in request.capabilities)
    return f'could not select device driver "{request.driver}" with capabilities: [{shown}]'
