"""Which fields of which instruction have variables, and their values put in.

`RUN`, `CMD`, `ENTRYPOINT`, `HEALTHCHECK`, `SHELL` and `ONBUILD` leave variables to the shell in the container; but the
mounts of a `RUN` have them.
"""

from __future__ import annotations

from rocker.images.builder import instructions as typed
from rocker.images.builder.run_mount import parse_mount
from rocker.images.builder.words import expand

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import TypeVar

    from rocker.images.builder.heredoc import Heredoc
    from rocker.images.builder.run_mount import Mount

    AnyInstruction = TypeVar("AnyInstruction", bound=typed.Instruction)


class Expander:
    """Puts the values of variables in.

    Args:
        values: variables.
        escape: the Dockerfile's escape character.
        missed: is told, word by word, the names of variables that have no value.
    """

    def __init__(
        self,
        values: Mapping[str, str],
        escape: str = "\\",
        missed: Callable[[tuple[str, ...]], None] | None = None,
    ) -> None:
        self._values = values
        self._escape = escape
        self._missed = missed

    def word(self, text: str) -> str:
        """One word of one word. Raises DockerfileError."""
        found = expand(text, self._values, escape=self._escape)
        self._tell(found.unmatched)
        return found.text

    def words(self, text: str) -> tuple[str, ...]:
        """One or more words, or none, of one word. Raises DockerfileError."""
        return expand(text, self._values, escape=self._escape).words

    def document(self, heredoc: Heredoc) -> Heredoc:
        """A heredoc of `COPY` or `ADD` with the content that its file is to have. Raises DockerfileError."""
        content = heredoc.text
        if heredoc.expand and ("$" in content or "\\" in content):
            found = expand(content, self._values, quotes=False)
            self._tell(found.unmatched)
            content = found.text
        return heredoc.replace(content=content, expand=False, chomp=False)

    def mounts(self, run: typed.Run) -> tuple[Mount, ...]:
        """The mounts of a `RUN`. Raises DockerfileError."""
        return tuple(parse_mount(text, self.word) for text in run.mounts)

    def instruction(self, instruction: AnyInstruction) -> AnyInstruction:
        """The instruction with all its variables' values, but `ARG`'s, which `Scope.declare` has.

        Raises:
            DockerfileError: a word cannot be expanded.
        """
        return instruction.replace(**self._fields(instruction))

    def _fields(self, instruction: typed.Instruction) -> dict[str, object]:
        """The fields that have variables, expanded."""
        fields: dict[str, object] = {}
        match instruction:
            case typed.Env() | typed.Label():
                fields["pairs"] = tuple(
                    pair.replace(name=self.word(pair.name), value=self.word(pair.value))
                    for pair in instruction.pairs
                )
            case typed.Copy() | typed.Add():
                fields = self._files(instruction)
            case typed.Workdir():
                fields["path"] = self.word(instruction.path)
            case typed.User():
                fields["user"] = self.word(instruction.user)
            case typed.Volume():
                fields["paths"] = self._all(instruction.paths)
            case typed.StopSignal():
                fields["signal"] = self.word(instruction.signal)
            case typed.Expose():
                fields["ports"] = tuple(word for port in instruction.ports for word in self.words(port))
        return fields

    def _files(self, files: typed.Copy | typed.Add) -> dict[str, object]:
        changed: dict[str, object] = {"chown": self.word(files.chown), "chmod": self.word(files.chmod)}
        if isinstance(files, typed.Add):
            changed["checksum"] = self.word(files.checksum)
        changed["sources"] = self._all(files.sources)
        changed["target"] = self.word(files.target)
        changed["documents"] = tuple(self.document(document) for document in files.documents)
        return changed

    def _all(self, texts: Iterable[str]) -> tuple[str, ...]:
        return tuple(self.word(text) for text in texts)

    def _tell(self, unmatched: tuple[str, ...]) -> None:
        if unmatched and self._missed is not None:
            self._missed(unmatched)
