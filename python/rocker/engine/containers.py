"""`engine.containers`: find containers, list them, make one."""

from __future__ import annotations

from rocker.engine.container import Container

TYPE_CHECKING = False
if TYPE_CHECKING:
    import builtins
    from collections.abc import Mapping, Sequence

    from rocker.engine.engine import Engine
    from rocker.engine.options import RunOptions
    from rocker.models.container import ContainerSummary
    from rocker.models.prune import ContainersPruned


class Containers:
    """The containers of one engine."""

    __slots__ = ("_engine",)

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def get(self, reference: str) -> Container:
        """Find a container by id, name or the beginning of an id.

        Raises:
            ContainerNotFoundError: there is none.
            InvalidArgumentError: several ids begin so.
        """
        from rocker.engine.list import get

        return Container(self._engine, get(self._engine, reference))

    def list(
        self,
        *,
        all: bool = False,  # noqa: A002 -- Docker's word
        filters: Mapping[str, Sequence[str] | str] | None = None,
        limit: int | None = None,
    ) -> list[Container]:
        """List containers, newest first: the running and paused ones, or `all`.

        Args:
            all: whether the others are wanted too.
            filters: by `id`, `name`, `label`, `status`, `exited`, `ancestor`, `before`, `since`, `network`, `publish`,
                `expose`.
            limit: at most that many of the newest, in any state.

        Raises:
            InvalidArgumentError: a filter is unknown.
        """
        from rocker.engine.list import select

        found = select(self._engine, all=all, filters=filters, limit=limit)
        return [Container(self._engine, row, config) for row, config, _ in found]

    def rows(
        self,
        *,
        all: bool = False,  # noqa: A002
        filters: Mapping[str, Sequence[str] | str] | None = None,
        limit: int | None = None,
        size: bool = False,
        brief: bool = False,
    ) -> builtins.list[ContainerSummary]:
        """List them as Docker's `GET /containers/json` does.

        `size` adds the bytes on disk; `brief` leaves `NetworkSettings` and `Mounts` empty, which take a third of the
        time. The others are as for `list`.
        """
        from rocker.engine.list import rows

        return rows(self._engine, all=all, filters=filters, limit=limit, size=size, brief=brief)

    def prune(self, filters: Mapping[str, Sequence[str] | str] | None = None) -> ContainersPruned:
        """Remove all containers that do not run.

        Args:
            filters: `until` (a time, or a duration back from now), `label`, `label!`.

        Raises:
            InvalidArgumentError: a filter is unknown.
        """
        from rocker.engine.prune import prune

        return prune(self._engine, filters)

    def create(self, options: RunOptions) -> Container:
        """Make a container; see `Engine.create`."""
        return self._engine.create(options)
