"""The engine: one data root and one run root, and every verb on them, in the caller's process.

Each verb has a file of its name in this directory; the methods here and in `container.py` only lead there.
"""

from __future__ import annotations

import os
from _thread import RLock  # `threading` costs 3 ms to import

from rocker.engine import roots

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from types import TracebackType
    from typing import Any, Literal, Self, Unpack, overload

    from rocker.engine.catalog import Catalog
    from rocker.engine.container import Container
    from rocker.engine.containers import Containers
    from rocker.engine.namespaces import Donor
    from rocker.engine.networks import Networks
    from rocker.engine.options import RunOptions
    from rocker.engine.ports import Core
    from rocker.engine.volumes.collection import Volumes
    from rocker.errors import RockerError
    from rocker.images.images import ImageService
    from rocker.images.progress import Progress
    from rocker.models.event import Event
    from rocker.models.keywords import RunKeywords
    from rocker.models.prune import DiskUsage
    from rocker.models.result import Result

DEFAULT_ROOT = "/var/lib/rocker"
DEFAULT_RUN = "/run/rocker"


class Engine:
    """A container engine. Cheap to make; nothing is touched before the first use. Safe to share between threads.

    Args:
        root: the data root; by default $ROCKER_ROOT, else /var/lib/rocker.
        run: the run root; by default $ROCKER_RUN, else /run/rocker.
        warn: called with what was accepted but has no effect here; by default it is added to `warnings`.
        core: the native core; another one only in tests.
        cdi_spec_dirs: where CDI specifications are; by default what the data root's configuration says, else
            /etc/cdi and /var/run/cdi.

    Attributes:
        root, run_root: absolute paths.
        warnings: see `warn`.
        show_pull: makes what shows the progress when a missing image is pulled for a container; nobody by default.
    """

    def __init__(
        self,
        root: str | os.PathLike[str] | None = None,
        run: str | os.PathLike[str] | None = None,
        *,
        warn: Callable[[str], None] | None = None,
        core: Core | None = None,
        cdi_spec_dirs: Sequence[str] | None = None,
    ) -> None:
        self.root = _absolute(root or os.environ.get("ROCKER_ROOT") or DEFAULT_ROOT)
        self.run_root = _absolute(run or os.environ.get("ROCKER_RUN") or DEFAULT_RUN)
        self.warnings: list[str] = []
        self.warn: Callable[[str], None] = warn or self.warnings.append
        self.cdi_spec_dirs = cdi_spec_dirs
        self.show_pull: Callable[[], Progress] | None = None
        self._core = core
        self._lock = RLock()
        self._catalog: Catalog | None = None
        self._images: ImageService | None = None
        self._containers: Containers | None = None
        self._networks: Networks | None = None
        self._volumes: Volumes | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the catalogue. Containers go on; the next use opens it again."""
        with self._lock:
            catalog, self._catalog, self._images = self._catalog, None, None
        if catalog is not None:
            catalog.close()

    # --- parts, made when first used ---

    @property
    def core(self) -> Core:
        """The native core."""
        if self._core is None:
            from rocker import _core

            self._core = _core
        return self._core

    @property
    def catalog(self) -> Catalog:
        """The catalogue; opening it makes the roots.

        Raises:
            DeniedError: the roots cannot be made or read: rocker needs root so far.
            InvalidArgumentError: a root is a directory of something else.
        """
        catalog = self._catalog
        if catalog is None:
            from rocker.engine.catalog import Catalog

            with self._lock:
                catalog = self._catalog
                if catalog is None:
                    roots.prepare(self.root, self.run_root)
                    catalog = self._catalog = Catalog(self.root)
        return catalog

    @property
    def images(self) -> ImageService:
        """What can be done with images."""
        images = self._images
        if images is None:
            from rocker.images.images import ImageService

            images = self._images = ImageService(self.catalog, self._running, self._image_event)
        return images

    @property
    def containers(self) -> Containers:
        """What can be done with containers."""
        if self._containers is None:
            from rocker.engine.containers import Containers

            self._containers = Containers(self)
        return self._containers

    @property
    def networks(self) -> Networks:
        """What can be done with networks."""
        if self._networks is None:
            from rocker.engine.networks import Networks

            self._networks = Networks(self)
        return self._networks

    @property
    def volumes(self) -> Volumes:
        """What can be done with volumes."""
        if self._volumes is None:
            from rocker.engine.volumes.collection import Volumes

            self._volumes = Volumes(self)
        return self._volumes

    # --- verbs ---

    if TYPE_CHECKING:

        @overload
        def run(
            self,
            image: str | None = None,
            command: Sequence[str] | str = (),
            *,
            detach: Literal[False] = False,
            **options: Unpack[RunKeywords],
        ) -> Result: ...
        @overload
        def run(
            self,
            image: str | None = None,
            command: Sequence[str] | str = (),
            *,
            detach: Literal[True],
            **options: Unpack[RunKeywords],
        ) -> Container: ...

    def run(
        self,
        image: str | None = None,
        command: Sequence[str] | str = (),
        *,
        detach: bool = False,
        **options: Any,
    ) -> Result | Container:
        """Run a command in a new container.

        Waits for it and returns its `Result`, after which nothing of the container is left; with `detach` returns the
        running `Container` at once, which stays until it is removed (`auto_remove` says otherwise).

        Args:
            image: reference or id; or give `rootfs`, a directory.
            command: the program and its arguments; a text is split as a shell would. By default the image's own.
            detach: whether to return at once.
            options: see `rocker.models.keywords.RunKeywords`.

        Raises:
            ImageNotFoundError: there is no such image.
            CommandNotFoundError, CommandNotExecutableError: the program is not in the container, or is none.
            InvalidArgumentError: an option is wrong.
            RockerError: anything else that kept it from starting. What happens afterwards is in the result.
        """
        from rocker.engine.run import run

        return run(self, image, command, detach=detach, keywords=options)

    def create(self, options: RunOptions, *, for_run: bool = False) -> Container:
        """Make a container that does not run yet.

        With `for_run` this process starts it next: when it dies before, an `auto_remove` container goes too.

        Raises:
            NameInUseError: another container has the name.
            RockerError: as for `run`.
        """
        from rocker.engine.create import create

        return create(self, options, for_run=for_run)

    def run_detached(self, options: RunOptions, *, bind_to_caller: bool = False) -> Container:
        """Make and start a container and return at once.

        Raises:
            RockerError: as for `run`.
        """
        from rocker.engine.run import run_detached

        return run_detached(self, options, bind_to_caller=bind_to_caller)

    def events(
        self,
        *,
        since: float | str | None = None,
        until: float | str | None = None,
        filters: Mapping[str, Sequence[str] | str] | None = None,
        follow: bool | None = None,
    ) -> Iterator[Event]:
        """Return an iterator of what happens to containers, images, networks and volumes, each as Docker's `/events`.

        Args:
            since: a unix time, RFC 3339 or an age such as `10m`; None: from now on, unless `until` is given.
            until: the same, where the iterator ends.
            filters: by `container`, `daemon`, `event`, `image`, `label`, `network`, `scope`, `type`, `volume`.
            follow: whether to wait for more; by default unless `until` has passed.

        Raises:
            InvalidArgumentError: a filter or a time is wrong.
        """
        from rocker.engine.events import events

        return events(self, since=since, until=until, filters=filters, follow=follow)

    def boot(self, *, failed: Callable[[Container, RockerError], None] | None = None) -> list[Container]:
        """Start the containers that should run after the machine has started; returns those that were started.

        They are those with the restart policy `always`, and those with `unless-stopped` that no user has stopped, if
        they were ever started. `failed` is told of each that could not be started; by default it becomes a warning.
        """
        from rocker.engine.boot import boot

        def warn(container: Container, error: RockerError) -> None:
            self.warn(f"{container.name} could not be started: {error.message}")

        return boot(self, failed or warn)

    def shutdown(
        self,
        timeout: float | None = None,
        *,
        failed: Callable[[Container, RockerError], None] | None = None,
    ) -> list[Container]:
        """Stop all running containers at once, before the machine goes down; returns those that were stopped.

        Not as a user's stop: `boot` starts again those with the restart policy `unless-stopped`, too.

        Args:
            timeout: seconds between each one's stop signal and SIGKILL, less than 0: never; by default its own.
            failed: told of each that could not be stopped; by default it becomes a warning.
        """
        from rocker.engine.shutdown import shutdown

        def warn(container: Container, error: RockerError) -> None:
            self.warn(f"{container.name} could not be stopped: {error.message}")

        return shutdown(self, timeout, failed or warn)

    def info(self) -> dict[str, Any]:
        """Return Docker's `GET /info`."""
        from rocker.engine.info import info

        return info(self)

    def disk_usage(self) -> DiskUsage:
        """Return Docker's `GET /system/df`; the build cache is always empty."""
        from rocker.engine.usage import usage

        return usage(self)

    def version(self) -> dict[str, Any]:
        """Return Docker's `GET /version`."""
        from rocker.engine.version import version

        return version(self)

    # --- for the verbs ---

    def _running(self, ids: list[str]) -> set[str]:
        from rocker.engine.state import RUNS

        states = self.core.read_states(self.run_root, self.root, ids)
        pairs = zip(ids, states, strict=True)
        return {name for name, state in pairs if state and state["status"] in RUNS}

    def _image_event(self, action: str, id: str, attributes: Mapping[str, str]) -> None:  # noqa: A002
        from rocker.engine.emit import emit

        emit(self, "image", action, id, attributes)

    def directory(self, id: str) -> str:  # noqa: A002
        """Return a container's directory in the data root."""
        return f"{self.root}/containers/{id}"

    def state(self, id: str) -> dict[str, Any] | None:  # noqa: A002
        """Return a container's `state.json`, or None when it was never started."""
        return self.core.read_states(self.run_root, self.root, [id])[0]

    def donor(self, reference: str) -> Donor:
        """Find the running container whose namespaces are joined.

        Raises:
            ContainerNotFoundError: there is none of this name.
            NotRunningError: it does not run.
        """
        from rocker.engine.donor import find

        return find(self, reference)


def _absolute(path: str | os.PathLike[str]) -> str:
    return os.path.abspath(os.fspath(path))
