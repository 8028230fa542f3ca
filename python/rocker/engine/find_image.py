"""Which image a container is made from."""

from __future__ import annotations

import os

from rocker.errors import ImageNotFoundError, InvalidArgumentError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from rocker.engine.engine import Engine
    from rocker.engine.options import RunOptions
    from rocker.images.config import ImageConfig

_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
_CACHED = 64
_configs: dict[str, ImageConfig] = {}


def find_image(engine: Engine, options: RunOptions) -> tuple[str, ImageConfig]:
    """Return the image's id and configuration; get it from its registry when `pull` says so.

    Raises:
        ImageNotFoundError: it is not here, and may not be pulled or is not at its registry either.
        InvalidArgumentError: the reference is malformed, or the platform does not fit.
        RockerError: as `ImageService.pull`.
    """
    reference = options.image or ""
    if options.pull == "always" and not _is_id(reference):
        from rocker.engine.pull import obtain

        return _usable(engine, reference, obtain(engine, reference, options.platform, missing=None), options)
    try:
        id, _ = engine.images.resolve(reference)  # noqa: A001
        return _usable(engine, reference, id, options)
    except ImageNotFoundError as error:
        if options.pull == "never" or _is_id(reference):
            hint = error.hint or "rocker images lists those that are here"
            raise ImageNotFoundError(error.message, hint=hint) from error
        missing = error.message
    from rocker.engine.pull import obtain

    return _usable(engine, reference, obtain(engine, reference, options.platform, missing=missing), options)


def _is_id(reference: str) -> bool:
    """Whether this can only be an id: no registry has images by that."""
    from rocker.images.digest import is_hex

    return reference.startswith("sha256:") or is_hex(reference)


def _usable(engine: Engine, reference: str, id: str, options: RunOptions) -> tuple[str, ImageConfig]:  # noqa: A002
    config = _configs.get(id)
    if config is None:
        config = engine.images.get(id).config
        if len(_configs) >= _CACHED:
            _configs.clear()
        _configs[id] = config  # an id is the digest of the configuration: it never changes
    _check_platform(engine, reference, config, options.platform)
    return id, config


def _check_platform(engine: Engine, reference: str, config: ImageConfig, wanted: str | None) -> None:
    if config.os not in {"", "linux"}:
        raise InvalidArgumentError(f"image {reference} is for {config.os}, not for linux")
    machine = host_architecture()
    if wanted is None:
        if config.architecture not in {"", machine}:
            engine.warn(
                f"The requested image's platform (linux/{config.architecture}) does not match the detected host "
                f"platform (linux/{machine}) and no specific platform was requested"
            )
        return
    parts = wanted.split("/")
    architecture = parts[1] if len(parts) > 1 else parts[0]
    if len(parts) > 3 or (len(parts) > 1 and parts[0] != "linux") or not architecture:  # noqa: PLR2004
        raise InvalidArgumentError(f"invalid platform: {wanted!r}", hint="write linux/amd64 or linux/arm64")
    architecture = _ARCHITECTURES.get(architecture, architecture)
    if config.architecture and architecture not in {config.architecture, "linux"}:
        raise ImageNotFoundError(
            f"image with reference {reference} was found but does not match the specified platform: "
            f"wanted {wanted}, actual: linux/{config.architecture}",
            hint="load or pull the image of that platform",
        )


def host_architecture() -> str:
    """Return the machine's architecture as Go names it."""
    machine = os.uname().machine
    return _ARCHITECTURES.get(machine, machine)
