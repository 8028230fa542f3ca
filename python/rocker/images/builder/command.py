"""What a `RUN`, `CMD` or `ENTRYPOINT` is to execute: the words, with the shell and with heredocs."""

from __future__ import annotations

from rocker.images.builder.heredoc import Heredoc, parse_heredoc
from rocker.models.struct import Struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from rocker.images.builder.instructions import Command

SHELL = ("/bin/sh", "-c")
"""Where neither the image nor a `SHELL` has another."""

SCRIPTS = "/dev/pipes"
"""Where the script of a `RUN` is in the container while that runs."""


class Execution(Struct):
    """What to execute.

    Attributes:
        words: program and arguments.
        script: a document that must be there as an executable file `SCRIPTS/NAME`, or None.
    """

    words: tuple[str, ...]
    script: Heredoc | None = None


def execution(command: Command, shell: Sequence[str] = SHELL) -> Execution:
    """Find what to execute.

    A command that is nothing but a heredoc is that document: a program of its own with `#!`, else text for the shell.
    The shell itself reads the heredocs of all other commands, and expands what is in them.

    Args:
        command: as in the Dockerfile; a shell expands its variables, nobody here.
        shell: of the image or the last `SHELL`.
    """
    words, script = command.words, None
    if command.heredocs:
        line, first = words[0], command.heredocs[0]
        if parse_heredoc(line) is None:
            line += "".join(f"\n{heredoc.content}{heredoc.name}" for heredoc in command.heredocs)
        elif first.text.startswith("#!"):
            line, script = (
                f"{SCRIPTS}/{first.name}",
                first.replace(content=first.text, chomp=False, expand=False),
            )
        else:
            line = first.text
        words = (line,)
    if command.shell:
        words = (*shell, " ".join(words))
    return Execution(words, script)
