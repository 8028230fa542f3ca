"""`engine.volumes`: make volumes, find, list and prune them."""

from __future__ import annotations

from rocker.engine.volumes.options import DRIVER

TYPE_CHECKING = False
if TYPE_CHECKING:
    import builtins
    from collections.abc import Mapping, Sequence

    from rocker.engine.engine import Engine
    from rocker.engine.volumes.volume import Volume
    from rocker.models.volume import VolumesPruned


class Volumes:
    """The volumes of one engine."""

    __slots__ = ("_engine",)

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def create(
        self,
        name: str | None = None,
        *,
        driver: str = DRIVER,
        options: Mapping[str, str] | None = None,
        labels: Mapping[str, str] | None = None,
    ) -> Volume:
        """Make a volume; one of this name that exists is returned as it is.

        Args:
            name: two characters or more of `[a-zA-Z0-9_.-]`, the first no punctuation; 64 hex digits when None.
            driver: only `local`.
            options: none for a directory below the data root; else `type`, `device` and perhaps `o`, as for mount(8):
                what they name is mounted when a container starts, in that container only.
            labels: by name.

        Raises:
            InvalidArgumentError: the name or an option is wrong. UnsupportedError: it is another driver.
            NoSpaceError: there is no room for it.
        """
        from rocker.engine.volumes.create import create

        return create(
            self._engine,
            name,
            driver=driver,
            options=options or {},
            labels=labels or {},
            anonymous=name is None,
        )

    def get(self, name: str) -> Volume:
        """Find a volume.

        Raises:
            VolumeNotFoundError: there is none of this name.
        """
        from rocker.engine.volumes.list import get

        return get(self._engine, name)

    def list(self, *, filters: Mapping[str, Sequence[str] | str] | None = None) -> builtins.list[Volume]:
        """List volumes by name.

        Args:
            filters: by `dangling` (`true`: no container uses it), `driver`, `label` (`name` or `name=value`), `name` (a
                part of it).

        Raises:
            InvalidArgumentError: a filter is unknown.
        """
        from rocker.engine.volumes.list import select

        return select(self._engine, filters or {})

    def prune(
        self,
        *,
        all: bool = False,  # noqa: A002 -- Docker's word
        filters: Mapping[str, Sequence[str] | str] | None = None,
    ) -> VolumesPruned:
        """Remove the anonymous volumes that no container uses; the named ones too with `all`.

        Args:
            all: see above.
            filters: by `label` and `label!` (`name` or `name=value`).

        Returns:
            `{"VolumesDeleted": [names], "SpaceReclaimed": bytes}`.

        Raises:
            InvalidArgumentError: a filter is unknown.
        """
        from rocker.engine.volumes.prune import prune

        return prune(self._engine, all=all, filters=filters or {})
