"""An engine's own roots for one test, and the installed command run on them."""

import hashlib
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

from helpers.processes import Process, end, name_of, open_files, processes_of, wait_ended, wait_gone

COMMAND = Path(sys.executable).parent / "rocker"

# Seconds. A container that ends takes its shim along within milliseconds; this is for a loaded machine.
TEARDOWN = 20.0


@dataclass(frozen=True)
class EngineRoots:
    """`root` (data, on disk) and `run` (sockets) of one engine below `base`, a directory of its own.

    The names are short: a unix socket's path has 107 bytes at most, and a shim's takes 86 below `run`.
    """

    base: Path
    test: str

    @property
    def root(self) -> Path:
        return self.base / "d"

    @property
    def run(self) -> Path:
        return self.base / "r"

    def command(self, *arguments: str | Path) -> list[str]:
        """The argument vector of `rocker` on these roots."""
        return [str(COMMAND), "--root", str(self.root), "--run", str(self.run), *map(str, arguments)]

    def cli(
        self,
        *arguments: str | Path,
        stdin: str | bytes | None = None,
        timeout: float = 60,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        check: bool = False,
    ) -> subprocess.CompletedProcess[str]:
        """Run `rocker` to its end; output is text, undecodable bytes as surrogates. `env` is added.

        With `check` an exit code other than 0 fails the test, with what was printed.
        """
        data = stdin.encode() if isinstance(stdin, str) else stdin
        done = subprocess.run(
            self.command(*arguments),
            input=b"" if data is None else data,
            capture_output=True,
            timeout=timeout,
            env={**os.environ, **(env or {})},
            cwd=cwd,
            check=False,
        )
        result = subprocess.CompletedProcess(
            done.args,
            done.returncode,
            done.stdout.decode(errors="surrogateescape"),
            done.stderr.decode(errors="surrogateescape"),
        )
        if check and result.returncode:
            raise AssertionError(
                f"rocker {' '.join(map(str, arguments))} ended with {result.returncode}:\n"
                f"{result.stdout}{result.stderr}"
            )
        return result

    def processes(self) -> list[Process]:
        """Launcher, shims, their containers and clients of these roots."""
        return processes_of(self.base)

    def launchers(self) -> list[Process]:
        """The processes that hold launcher.lock open."""
        lock = os.fspath(self.run / "launcher.lock")
        return [process for process in self.processes() if lock in open_files(process.pid)]

    def standbys(self) -> list[Process]:
        """The shims that wait for their container; they go with the launcher."""
        return [process for process in self.processes() if name_of(process.pid) == "rocker-standby"]

    def stop_launcher(self, timeout: float = TEARDOWN) -> list[Process]:
        """Ask the launcher to leave, once no container runs any more; returns what is still there."""
        end(self.launchers(), signal.SIGTERM)
        return wait_gone(self.base, timeout)

    def bridges(self) -> set[str]:
        """The bridges of the engine's networks."""
        return _bridges(self.root)

    def table(self) -> str:
        """The name of the engine's nftables table."""
        return _table(self.run)

    def remove_bridges(self) -> None:
        """Remove what stays of an engine's networks, as docker0 stays: their bridges and rules."""
        remove_bridges(self.root, self.run)

    def kill_all(self) -> None:
        """End everything of these roots without asking; what is left has been reported already."""
        while found := self.processes():
            end(found, signal.SIGKILL)
            # These and not a new list of them: a container whose shim has ended first is in no such list.
            if not wait_ended(found, TEARDOWN):
                break


def remove_bridges(root: Path, run: Path) -> None:
    """Remove the bridges and rules of an engine that has ended; its data root must still be there."""
    bridges = _bridges(root)
    if bridges:
        from rocker import _core

        for bridge in bridges:
            _core.network_remove(bridge, _table(run))


def _bridges(root: Path) -> set[str]:
    """The bridges that the catalogue names; a test may have made it unreadable, or one of an earlier version."""
    database = root / "rocker.db"
    if database.exists():
        with suppress(sqlite3.Error), closing(sqlite3.connect(database)) as db:
            return {name for (name,) in db.execute("SELECT bridge FROM networks WHERE bridge != ''")}
    return set()


def _table(run: Path) -> str:
    return "rocker-" + hashlib.sha256(os.fsencode(run)).hexdigest()[:8]
