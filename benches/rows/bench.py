"""What every group of rows is given."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benches.contenders.base import Contender, Unsupported, unique
from benches.measure import Mode, Result, interleave


@dataclass(frozen=True)
class Bench:
    """The contenders that could be opened, and how much to measure."""

    contenders: list[Contender]
    rounds: int
    state: Path
    debian_tar: Path

    def peers(self, *names: str) -> list[Contender]:
        """The contenders of these names that take part."""
        return [contender for contender in self.contenders if contender.name in names]

    def interleave(
        self, row: str, actions: dict[str, Callable[[], object]], *modes: Mode, rounds: int | None = None
    ) -> list[Result]:
        """Each mode after the other, `rounds` (or the bench's) times each action."""
        return [one for mode in modes for one in interleave(row, actions, rounds or self.rounds, mode)]

    @contextmanager
    def running(self, contender: Contender, *command: str) -> Iterator[str]:
        """A running container of this contender, removed afterwards."""
        name = unique()
        contender.create(name, *(command or ("sleep", "100000")))
        try:
            contender.start(name)
            yield name
        finally:
            contender.remove(name)

    @contextmanager
    def all_running(self, *command: str) -> Iterator[dict[Contender, str]]:
        """A running container of every contender that has such a thing."""
        names: dict[Contender, str] = {}
        try:
            for contender in self.contenders:
                name = unique()
                try:
                    contender.create(name, *(command or ("sleep", "100000")))
                    names[contender] = name
                    contender.start(name)
                except Unsupported:
                    pass
                except Exception as error:  # noqa: BLE001 -- the others go on
                    print(f"{contender.name} starts no container: {error}", file=sys.stderr)
                    if names.pop(contender, None):
                        contender.remove(name)
            yield names
        finally:
            for contender, name in names.items():
                contender.remove(name)
