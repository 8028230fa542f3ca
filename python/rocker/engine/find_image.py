"""Which image a container is made from."""

from __future__ import annotations

import os

from rocker.errors import ImageNotFoundError, InvalidArgumentError, UnsupportedError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from rocker.engine.engine import Engine
    from rocker.engine.options import RunOptions
    from rocker.images.config import ImageConfig

_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
_CACHED = 64
_configs: dict[str, ImageConfig] = {}


def find_image(engine: Engine, options: RunOptions) -> tuple[str, ImageConfig]:
    """Return the image's id and configuration.

    Raises:
        ImageNotFoundError: it is not here; there is no registry client yet.
        InvalidArgumentError: the reference is malformed, or the platform does not fit.
        UnsupportedError: `pull` is `always`.
    """
    reference = options.image or ""
    if options.pull == "always":
        raise UnsupportedError(
            "--pull always is not offered yet", hint="registries come with a later release: rocker load"
        )
    try:
        id, _ = engine.images.resolve(reference)  # noqa: A001
    except ImageNotFoundError as error:
        raise ImageNotFoundError(
            f"Unable to find image '{_full(reference)}' locally",
            hint="rocker images lists those that are here; import or load it first: rocker import ROOTFS.tar "
            + reference,
        ) from error
    config = _configs.get(id)
    if config is None:
        config = engine.images.get(id).config
        if len(_configs) >= _CACHED:
            _configs.clear()
        _configs[id] = config  # an id is the digest of the configuration: it never changes
    _check_platform(engine, reference, config, options.platform)
    return id, config


def _full(reference: str) -> str:
    from rocker.images.reference import Reference

    try:
        return Reference.parse(reference).familiar
    except InvalidArgumentError:
        return reference


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
            hint="load the image of that platform",
        )


def host_architecture() -> str:
    """Return the machine's architecture as Go names it."""
    machine = os.uname().machine
    return _ARCHITECTURES.get(machine, machine)
