"""All CDI specifications of some directories: which device counts where there are two of one name."""

from __future__ import annotations

import os

from rocker.cdi.names import split
from rocker.cdi.reader import EXTENSIONS, read
from rocker.errors import InvalidArgumentError, NotFoundError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rocker.cdi.document import CdiSpec


class Registry:
    """What the files of these directories describe, read once.

    A file that is wrong takes no other along: its devices are just not there, and whoever wants one is told.

    Args:
        directories: those of a later one replace devices of an earlier one; they need not exist.

    Attributes:
        directories: as given.
        devices: by full name, which specification describes them.
        problems: what could not be read, and which names are described twice in one directory.
    """

    def __init__(self, directories: Iterable[str]) -> None:
        self.directories = tuple(directories)
        self.devices: dict[str, CdiSpec] = {}
        self.problems: list[str] = []
        for directory in self.directories:
            self._read_directory(directory)

    def _read_directory(self, directory: str) -> None:
        try:
            names = sorted(os.listdir(directory))
        except FileNotFoundError:
            return
        except OSError as error:
            self.problems.append(f"failed to read {directory}: {error.strerror}")
            return
        here: dict[str, CdiSpec] = {}
        twice: set[str] = set()
        for path in (os.path.join(directory, name) for name in names if name.endswith(EXTENSIONS)):
            if os.path.isdir(path):
                continue
            try:
                found = read(path)
            except InvalidArgumentError as error:
                self.problems.append(f"failed to load CDI Spec {path}: {error.message}")
                continue
            except OSError as error:
                self.problems.append(f"failed to load CDI Spec {path}: {error.strerror}")
                continue
            for name in (f"{found.kind}={device}" for device in found.devices):
                if name in here:
                    twice.add(name)
                    self.problems.append(f'conflicting device "{name}" (specs "{here[name].path}", "{path}")')
                here[name] = found
        self.devices.update(here)
        for name in twice:
            del self.devices[name]

    def of_kind(self, kind: str) -> list[str]:
        """Return the full names of the devices of a kind."""
        return [name for name in self.devices if name.partition("=")[0] == kind]

    def find(self, names: Sequence[str]) -> list[tuple[CdiSpec, str]]:
        """Return specification and short name of each device.

        Raises:
            NotFoundError: some are not there, in Docker's words; the hint says what was wrong where it was looked.
        """
        missing = [name for name in names if name not in self.devices]
        if not missing:
            return [(self.devices[name], split(name)[1]) for name in names]
        raise NotFoundError(
            f"CDI device injection failed: unresolvable CDI devices {', '.join(missing)}",
            hint=self._advice(missing),
        )

    def _advice(self, missing: Sequence[str]) -> str:
        if self.problems:
            return "; ".join(self.problems)
        places = ", ".join(self.directories)
        kinds = {name.partition("=")[0] for name in missing}
        others = sorted(name for kind in kinds for name in self.of_kind(kind))
        if others:
            return f"the CDI specifications in {places} have {', '.join(others)}"
        return f"no CDI specification in {places} describes {', '.join(sorted(kinds))}"
