"""One container, as an object with the verbs."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import IO, Any, Literal, overload

    from rocker.engine.catalog import ContainerRow
    from rocker.engine.config import ContainerConfig
    from rocker.engine.engine import Engine
    from rocker.engine.options import ExecOptions, RunOptions
    from rocker.engine.popen import Popen
    from rocker.engine.session import Session
    from rocker.models.container import Change, ContainerInspect, PathStat, Status, Top
    from rocker.models.result import Result


class Container:
    """A container; made by `Engine.run(…, detach=True)`, `Engine.create` and `engine.containers`.

    Every method raises ContainerNotFoundError when the container has gone, and GoneError when its shim died meanwhile.

    Attributes:
        engine: where it lives.
        id: 64 hex digits.
        name: without Docker's leading slash; as it was when the object was made.
        image: the image as it was named, or the root directory.
        image_id: `sha256:<hex>`, or empty.
        created_ns: nanoseconds since the epoch.
    """

    def __init__(
        self,
        engine: Engine,
        row: ContainerRow,
        config: ContainerConfig | None = None,
        request: dict[str, Any] | None = None,
    ) -> None:
        self.engine = engine
        self.id = row.id
        self.name = row.name
        self.image = row.image_ref
        self.image_id = row.image_id
        self.created_ns = row.created_ns
        self._text = row.config
        self._config = config
        self._request = request

    def __repr__(self) -> str:
        return f"<Container {self.short_id} {self.name}>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Container) and other.id == self.id

    def __hash__(self) -> int:
        return hash(self.id)

    @property
    def short_id(self) -> str:
        """First twelve digits of the id."""
        return self.id[:12]

    @property
    def config(self) -> ContainerConfig:
        """What it was made from."""
        if self._config is None:
            from rocker.engine.config import ContainerConfig

            self._config = ContainerConfig.decode(self._text)
        return self._config

    @property
    def options(self) -> RunOptions:
        """What the user said."""
        return self.config.options

    @property
    def labels(self) -> Mapping[str, str]:
        """The image's and its own."""
        return self.config.labels

    @property
    def tty(self) -> bool:
        """Whether its program has a terminal."""
        return self.options.tty

    @property
    def status(self) -> Status:
        """`created`, `running`, `paused`, `restarting` or `exited`, read now."""
        from rocker.engine.state import status_of

        return status_of(self.engine.state(self.id))

    @property
    def health(self) -> str:
        """`starting`, `healthy` or `unhealthy`, read now; `none` without a health check."""
        from rocker.engine.state import health_of

        return health_of(self.engine.state(self.id))

    @property
    def exit_code(self) -> int | None:
        """Exit code, 128+n after signal n; None unless it has exited."""
        state = self.engine.state(self.id)
        return state["exit_code"] if state is not None and state["status"] == "exited" else None

    @property
    def ports(self) -> dict[str, list[dict[str, str]] | None]:
        """Its ports while it runs: `{"80/tcp": [{"HostIp": "0.0.0.0", "HostPort": "8080"}]}`; None: only exposed."""
        from rocker.network.ports import bindings

        return bindings(self.engine.state(self.id), self.config)

    def inspect(self, *, size: bool = False) -> ContainerInspect:
        """Return Docker's `GET /containers/{id}/json`; `size` adds the bytes on disk."""
        from rocker.engine.inspect import inspect

        return inspect(self.engine, self, size=size)

    def start(self) -> None:
        """Start it; nothing happens when it runs already.

        Raises:
            RockerError: it could not be started.
        """
        from rocker.engine.start import NOTHING, send, start

        request, self._request = self._request, None
        if request is None:
            start(self)
        else:
            send(self.engine, self.id, self.config, request, attach=NOTHING).close()

    def launch(
        self,
        *,
        stdin: bool = False,
        stdout: bool = True,
        stderr: bool = True,
        bind_to_caller: bool = False,
        console_size: tuple[int, int] | None = None,
    ) -> Session:
        """Start it and stay connected to the chosen streams. `console_size` is height and width.

        Raises:
            ConflictError: it runs already.
            RockerError: it could not be started.
        """
        from rocker.engine.start import start_attached

        request, self._request = self._request, None
        return start_attached(
            self,
            attach=(stdin, stdout, stderr),
            bind_to_caller=bind_to_caller,
            console_size=console_size,
            request=request,
        )

    def attach(
        self, *, stdin: bool = False, stdout: bool = True, stderr: bool = True, logs: bool = False
    ) -> Session:
        """Join its streams. `logs` writes what was logged before to this process's own stdout and stderr first.

        Raises:
            NotRunningError: it does not run. ConflictError: it is paused.
        """
        from rocker.engine.attach import attach

        return attach(self, (stdin, stdout, stderr), logs=logs)

    def exec(
        self,
        command: Sequence[str] | str,
        *,
        stdin: bytes | str | None = None,
        env: Mapping[str, str] | Sequence[str] = (),
        workdir: str | None = None,
        user: str | int | None = None,
        privileged: bool = False,
        tty: bool = False,
        timeout: float | None = None,
        max_output: int | str | None = None,
    ) -> Result:
        """Run another command in it and wait for its result.

        Args:
            command: the program and its arguments; a text is split as a shell would.
            stdin: fed to the command, then closed.
            env: added to the container's variables.
            workdir: the container's own by default.
            user: `name|uid[:group|gid]`; the container's own by default.
            privileged: whether it gets all capabilities and no filter.
            tty: whether it has a terminal; then stdout holds everything.
            timeout: seconds after which it is killed.
            max_output: bytes of stdout and stderr after which it is killed.

        Raises:
            NotRunningError: the container does not run. ConflictError: it is paused.
            CommandNotFoundError, CommandNotExecutableError: the program is not in the container, or is none.
        """
        from rocker.engine.exec import run

        return run(
            self, command, stdin, env=env, workdir=workdir, user=user, privileged=privileged, tty=tty,
            timeout=timeout, max_output=max_output,
        )  # fmt: skip

    def exec_session(
        self, options: ExecOptions, *, stdin: bool = False, stdout: bool = True, stderr: bool = True
    ) -> Session:
        """Run another command in it and stay connected; raises as `exec`."""
        from rocker.engine.exec import session

        return session(self, options, (stdin, stdout, stderr))

    def exec_detached(self, options: ExecOptions) -> None:
        """Run another command in it and return when it runs; raises as `exec`."""
        from rocker.engine.exec import detached

        detached(self, options)

    def popen(
        self,
        command: Sequence[str] | str,
        *,
        stdin: int | IO[Any] | None = None,
        stdout: int | IO[Any] | None = None,
        stderr: int | IO[Any] | None = None,
        text: bool = False,
        encoding: str | None = None,
        errors: str | None = None,
        env: Mapping[str, str] | Sequence[str] = (),
        workdir: str | None = None,
        user: str | int | None = None,
    ) -> Popen:
        """Run another command in it, in the shape of `subprocess.Popen`.

        Each stream is `rocker.PIPE`, `rocker.DEVNULL`, a descriptor, a file, or None: then stdout and stderr go to
        this process's own, and there is no stdin.

        Raises:
            As `exec`, and UnsupportedError for `subprocess.STDOUT`.
        """
        from rocker.engine.popen import Popen

        return Popen(
            self, command, stdin=stdin, stdout=stdout, stderr=stderr, text=text, encoding=encoding, errors=errors,
            env=env, workdir=workdir, user=user,
        )  # fmt: skip

    if TYPE_CHECKING:

        @overload
        def logs(
            self,
            *,
            follow: Literal[False] = False,
            tail: int | None = None,
            since: float | str | None = None,
            until: float | str | None = None,
            timestamps: bool = False,
            stdout: bool = True,
            stderr: bool = True,
        ) -> bytes: ...
        @overload
        def logs(
            self,
            *,
            follow: Literal[True],
            tail: int | None = None,
            since: float | str | None = None,
            until: float | str | None = None,
            timestamps: bool = False,
            stdout: bool = True,
            stderr: bool = True,
        ) -> Iterator[bytes]: ...

    def logs(
        self,
        *,
        follow: bool = False,
        tail: int | None = None,
        since: float | str | None = None,
        until: float | str | None = None,
        timestamps: bool = False,
        stdout: bool = True,
        stderr: bool = True,
    ) -> bytes | Iterator[bytes]:
        """Return what it wrote; with `follow` an iterator of lines that waits for more until it ends.

        Args:
            follow: whether to wait for more.
            tail: only that many last lines.
            since: a unix time, RFC 3339 or an age such as `10m`; 0 is no limit.
            until: the same.
            timestamps: whether each line begins with its time.
            stdout: whether standard output is wanted.
            stderr: whether standard error is wanted.

        Raises:
            UnsupportedError: its log driver keeps nothing.
        """
        from rocker.engine.logs import lines

        found = lines(
            self, follow=follow, tail=tail, since=since, until=until, timestamps=timestamps, stdout=stdout,
            stderr=stderr,
        )  # fmt: skip
        return found if follow else b"".join(found)

    def copy_logs(
        self,
        stdout: int,
        stderr: int,
        *,
        follow: bool = False,
        tail: int | None = None,
        since: float | str | None = None,
        until: float | str | None = None,
        timestamps: bool = False,
        details: bool = False,
    ) -> None:
        """Write its log to two descriptors, each stream to its own; options and errors as for `logs`.

        With `details` each line begins with the labels and variables that the log options named.
        """
        from rocker.engine.logs import copy

        copy(
            self,
            stdout,
            stderr,
            follow=follow,
            tail=tail,
            since=since,
            until=until,
            timestamps=timestamps,
            details=details,
        )

    def copy_to(
        self,
        source: str | os.PathLike[str],
        path: str,
        *,
        follow_link: bool = False,
        archive: bool = False,
    ) -> int:
        """Copy a file or directory of the host into it, running or not, its volumes included.

        Where `path` is a directory, the source goes into it; `source/.` means what is in a directory. Owners are kept,
        by number.

        Args:
            source: path on the host.
            path: in the container; its parent must be there.
            follow_link: whether a link at `source` is followed, instead of copied.
            archive: whether everything becomes the container's user's.

        Returns:
            The bytes of the archive that was copied.

        Raises:
            NotFoundError: the source, or the parent of `path`, is not there.
            InvalidArgumentError: a directory would replace a file. ConflictError: the same, deeper down.
            DeniedError: it is mounted read-only.
        """
        from rocker.engine.cp import copy_to

        return copy_to(self, os.fspath(source), path, follow_link=follow_link, archive=archive)

    def copy_from(
        self,
        path: str,
        destination: str | os.PathLike[str],
        *,
        follow_link: bool = False,
        archive: bool = False,
    ) -> int:
        """Copy a file or directory out of it, running or not; the rules are those of `copy_to`.

        Files belong to the caller then; with `archive` to whom they belonged, by number. No link in the container leads
        out of it, and none in what was copied out of `destination`.

        Returns:
            The bytes of the archive that was copied.

        Raises:
            NotFoundError: there is nothing at `path`, or the parent of `destination` is not there.
            InvalidArgumentError, ConflictError: a directory would replace a file.
        """
        from rocker.engine.cp import copy_from

        return copy_from(self, path, os.fspath(destination), follow_link=follow_link, archive=archive)

    def get_archive(self, path: str, destination: int) -> int:
        """Write a file or directory of it as a tar to a descriptor; the bytes written.

        A link at the end of the path is written as a link; `path/.` are the contents of a directory.

        Raises:
            NotFoundError: there is nothing at the path. GoneError: nobody reads the descriptor any more.
        """
        from rocker.engine.archive import get_archive

        return get_archive(self, path, destination)

    def put_archive(self, path: str, source: int, *, archive: bool = False) -> int:
        """Unpack a tar (gzip, zstd, xz or plain) read from a descriptor in a directory of it; the bytes of the tar.

        With `archive` everything becomes the container's user's.

        Raises:
            NotFoundError: there is no such directory. InvalidArgumentError: it is none.
            ConflictError: a directory would replace another file, or the other way round.
            CorruptError: the archive is damaged. DeniedError: it is mounted read-only.
        """
        from rocker.engine.archive import put_archive

        return put_archive(self, path, source, archive=archive)

    def stat_path(self, path: str) -> PathStat:
        """Look at a path in it; a link at its end is not followed.

        Raises:
            NotFoundError: there is nothing at the path.
        """
        from rocker.engine.archive import stat_path

        return stat_path(self, path)

    def diff(self) -> list[Change]:
        """Return what it has changed of its image: each path with 0 (changed), 1 (added) or 2 (deleted)."""
        from rocker.engine.diff import diff

        return diff(self)

    def export(self, destination: int) -> int:
        """Write its root file system as a tar to a descriptor; the bytes written. Volumes are not in it.

        Raises:
            GoneError: nobody reads the descriptor any more.
        """
        from rocker.engine.export import export

        return export(self, destination)

    def commit(
        self,
        reference: str | None = None,
        *,
        author: str = "",
        message: str = "",
        changes: Sequence[str] = (),
        pause: bool = True,
    ) -> str:
        """Make an image of it, running or not, without what is in volumes; the image's id.

        Args:
            reference: a name for the image, as `repository[:tag]`.
            author: who made it.
            message: the comment in its history.
            changes: `CMD`, `ENV` and the like, as in a Dockerfile.
            pause: whether a running one stands still meanwhile.

        Raises:
            InvalidArgumentError: the name or a change is wrong.
            ImageNotFoundError: the image it was made of has gone.
            ConflictError: without `pause`, the image was removed meanwhile.
            NoSpaceError: it does not fit.
        """
        from rocker.engine.commit import commit

        return commit(self, reference, author=author, message=message, changes=changes, pause=pause)

    def stats(self) -> dict[str, Any]:
        """Return the counters of its cgroup: `cpu`, `memory`, `pids`, `io` (see `rocker.core.cgroup_stats`).

        With them, in `networks`, by name of the link, `rx_bytes`, `rx_packets`, `rx_errors`, `rx_dropped` and the same
        of `tx`, since the link was made.

        Raises:
            NotRunningError: it does not run.
        """
        from rocker.engine.stats import stats

        return stats(self)

    def top(self, ps_args: str | Sequence[str] = "-ef") -> Top:
        """List its processes, as the host's ps(1) shows them.

        Raises:
            NotRunningError: it does not run. InvalidArgumentError: ps does not know the arguments.
        """
        from rocker.engine.top import top

        return top(self, ps_args)

    def wait(self, timeout: float | None = None, *, condition: str = "not-running") -> int:
        """Wait until it has exited and return its exit code; at once when it does not run.

        Args:
            timeout: seconds.
            condition: `not-running`; `next-exit`: its next end, also when it does not run yet; `removed`: until it is
                gone; `healthy`: until its health check succeeds, then 0. An end after which its restart policy starts
                it again is one, but for `healthy`.

        Raises:
            TimeoutError: it is not so after `timeout` seconds.
            With `healthy`: NotRunningError, it has exited; ConflictError, it is unhealthy or has no health check.
        """
        from rocker.engine.wait import wait

        return wait(self, timeout, condition)

    def update(
        self,
        *,
        memory: int | str | None = None,
        memory_swap: int | str | None = None,
        memory_reservation: int | str | None = None,
        cpus: float | None = None,
        cpu_shares: int | None = None,
        cpu_period: int | None = None,
        cpu_quota: int | None = None,
        cpuset_cpus: str | None = None,
        cpuset_mems: str | None = None,
        pids_limit: int | None = None,
        blkio_weight: int | None = None,
        restart_policy: str | Mapping[str, Any] | None = None,
    ) -> None:
        """Change its limits and its restart policy, at once where it runs; what is None stays.

        Sizes are bytes or texts such as `64m`; the meaning of each is that of `RunOptions`.

        Raises:
            InvalidArgumentError: a value is wrong, or contradicts another that stays.
            ConflictError: more memory is in use than the new limit, or the container is removed when it ends.
            Nothing has changed then.
        """
        from rocker.engine.keywords import restart_text, sizes
        from rocker.engine.update import update

        changes = sizes(
            {"memory": memory, "memory_swap": memory_swap, "memory_reservation": memory_reservation, "cpus": cpus,
             "cpu_shares": cpu_shares, "cpu_period": cpu_period, "cpu_quota": cpu_quota, "cpuset_cpus": cpuset_cpus,
             "cpuset_mems": cpuset_mems, "pids_limit": pids_limit, "blkio_weight": blkio_weight}
        )  # fmt: skip
        if restart_policy is not None:
            changes["restart"] = restart_text(restart_policy)
        update(self, {name: value for name, value in changes.items() if value is not None})

    def stop(self, timeout: float | None = None, *, signal: str | int | None = None) -> None:
        """Send its stop signal, and kill it when it has not ended `timeout` seconds later; less than 0: never.

        Defaults are what it was made with, else SIGTERM and 10 s. Nothing happens when it does not run.
        """
        from rocker.engine.stop import stop

        stop(self, timeout, signal=signal)

    def kill(self, signal: str | int = "KILL") -> None:
        """Send a signal to its first process; KILL ends all of its processes and waits for that.

        Raises:
            NotRunningError: it does not run.
        """
        from rocker.engine.kill import kill

        kill(self, signal)

    def restart(self, timeout: float | None = None, *, signal: str | int | None = None) -> None:
        """Stop it as `stop` does, and start it again."""
        from rocker.engine.restart import restart

        restart(self, timeout, signal=signal)

    def pause(self) -> None:
        """Freeze all of its processes.

        Raises:
            NotRunningError: it does not run. ConflictError: it is paused already.
        """
        from rocker.engine.pause import pause

        pause(self)

    def unpause(self) -> None:
        """Let them go on.

        Raises:
            ConflictError: it is not paused.
        """
        from rocker.engine.unpause import unpause

        unpause(self)

    def rename(self, name: str) -> None:
        """Give it another name.

        Raises:
            NameInUseError: another container has it. InvalidArgumentError: it is no name.
        """
        from rocker.engine.rename import rename

        rename(self, name)

    def remove(self, *, force: bool = False, volumes: bool = False) -> None:
        """Remove it and its files; with `force` a running one is killed first.

        Args:
            force: see above.
            volumes: whether the volumes that were made for it without a name go too, unless another container uses
                them; of an `auto_remove` container they always do.

        Raises:
            ConflictError: it runs.
        """
        from rocker.engine.remove import remove

        remove(self, force=force, volumes=volumes)
