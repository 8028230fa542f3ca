"""What a row may ask of a contender."""

import os
import shutil
import subprocess
import uuid
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benches.measure import execute, output


@dataclass(frozen=True)
class Image:
    """The one root file system of all: a directory, and the same as a tar of it."""

    directory: Path
    tar: Path


class Unsupported(Exception):  # noqa: N818 -- a statement, not a fault
    """The contender has no such operation."""


class Contender(ABC):
    """A way to run a command in a container without a network, from an image or a plain directory."""

    name: str
    isolates = True
    """Whether it has cgroups and a seccomp filter: what does not is shown, but is no peer."""

    def __init__(self, state: Path, image: Image) -> None:
        self.state = state
        self.image = image

    def open(self) -> None:
        """Make ready: daemons, images. Raises RuntimeError when this contender cannot take part."""
        self.state.mkdir(parents=True, exist_ok=True)
        # What does not outlive a boot is kept on a tmpfs, as on every machine with systemd (file-hierarchy(7)).
        self.volatile.mkdir(exist_ok=True)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", self.volatile], check=True)

    def close(self) -> None:
        """Leave nothing behind."""
        subprocess.run(["umount", "--lazy", self.volatile], check=False, capture_output=True)
        shutil.rmtree(self.state, ignore_errors=True)

    @property
    def volatile(self) -> Path:
        """The directory for state that does not outlive a boot: a tmpfs."""
        return self.state / "run"

    @abstractmethod
    def run_argv(self, *command: str) -> list[str]:
        """The program that runs `command` in a new container and removes it afterwards."""

    def run(self, *command: str) -> None:
        """Run `command` in a new container to its end."""
        execute(self.run_argv(*command))

    def popen(self, *command: str) -> subprocess.Popen[bytes]:
        """The same in the background."""
        return subprocess.Popen(self.run_argv(*command), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)

    # Steps of a container's life; `name` is the caller's.

    def create(self, name: str, *command: str) -> None:
        raise Unsupported(f"{self.name} has no create")

    def start(self, name: str) -> None:
        raise Unsupported(f"{self.name} has no start")

    def stop(self, name: str) -> None:
        """Ask its first process to leave, and wait until it has."""
        raise Unsupported(f"{self.name} has no stop")

    def remove(self, name: str) -> None:
        raise Unsupported(f"{self.name} has no rm")

    def execute(self, name: str, *command: str) -> None:
        """Run `command` in the running container `name`."""
        raise Unsupported(f"{self.name} has no exec")

    def log(self, name: str) -> int:
        """Read the whole log of `name`; returns the bytes."""
        raise Unsupported(f"{self.name} keeps no log")

    def stats(self, name: str) -> None:
        """One sample of the counters of `name`."""
        raise Unsupported(f"{self.name} has no stats")

    def import_image(self, archive: Path, name: str) -> None:
        """Make the image `name` of a tar of a root file system."""
        raise Unsupported(f"{self.name} has no images")

    def load_image(self, archive: Path) -> None:
        """Take the images of an archive as `docker save` writes it."""
        raise Unsupported(f"{self.name} has no images")

    def remove_image(self, name: str) -> None:
        """Remove an image."""
        raise Unsupported(f"{self.name} has no images")

    def list_all(self) -> None:
        """Ask for all containers, with their states."""
        raise Unsupported(f"{self.name} lists no containers")

    def helpers(self, name: str) -> dict[str, list[int]]:
        """Pids of its own resident processes, by what they are, while `name` runs."""
        return {}


class CommandContender(Contender):
    """An engine with Docker's commands: `client` is the beginning of each."""

    client: list[str]
    run_flags: list[str] = []
    reference = "busybox"
    environment: dict[str, str] = {}
    """Variables of the command, beside this process's."""

    def do(self, argv: list[str]) -> None:
        """Run a command line of this engine's to its end."""
        execute(argv, environment=self.environment)

    def output(self, argv: list[str]) -> bytes:
        """The same, for what it writes."""
        return output(argv, environment=self.environment)

    def start_process(self, argv: list[str], **keywords: Any) -> subprocess.Popen[bytes]:
        """The same in the background; keywords are those of `subprocess.Popen`."""
        return subprocess.Popen(argv, env={**os.environ, **self.environment}, **keywords)

    def run(self, *command: str) -> None:
        self.do(self.run_argv(*command))

    def popen(self, *command: str) -> subprocess.Popen[bytes]:
        return self.start_process(
            self.run_argv(*command), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
        )

    def run_argv(self, *command: str) -> list[str]:
        return [*self.client, "run", "--rm", *self.run_flags, self.reference, *command]

    def create(self, name: str, *command: str) -> None:
        self.do([*self.client, "create", "--name", name, *self.run_flags, self.reference, *command])

    def start(self, name: str) -> None:
        self.do([*self.client, "start", name])

    def stop(self, name: str) -> None:
        self.do([*self.client, "stop", name])

    def remove(self, name: str) -> None:
        self.do([*self.client, "rm", "-f", name])

    def execute(self, name: str, *command: str) -> None:
        self.do([*self.client, "exec", name, *command])

    def log(self, name: str) -> int:
        with self.start_process([*self.client, "logs", name], stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            total = 0
            while data := process.stdout.read(1 << 20):
                total += len(data)
        return total

    def list_all(self) -> None:
        self.do([*self.client, "ps", "--all"])

    def read_log(self, name: str) -> None:
        self.do([*self.client, "logs", name])

    def stats(self, name: str) -> None:
        self.output([*self.client, "stats", "--no-stream", name])

    def import_image(self, archive: Path, name: str) -> None:
        self.do([*self.client, "import", str(archive), name])

    def load_image(self, archive: Path) -> None:
        self.do([*self.client, "load", "--input", str(archive)])

    def remove_image(self, name: str) -> None:
        self.do([*self.client, "rmi", name])


def unique() -> str:
    """A name for a container."""
    return f"bench-{uuid.uuid4().hex[:12]}"
