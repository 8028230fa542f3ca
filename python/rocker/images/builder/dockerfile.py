"""A whole Dockerfile: what stands before its first stage, and its stages."""

from __future__ import annotations

from rocker.images.builder.errors import DockerfileError
from rocker.images.builder.instructions import Arg, From, Instruction
from rocker.images.builder.lines import read_lines
from rocker.images.builder.reading import read_instruction
from rocker.models.struct import Struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from rocker.images.builder.lines import Line, Lines


class Stage(Struct):
    """One stage.

    Attributes:
        index: its number, from 0.
        head: its `FROM`.
        instructions: all after that.
    """

    index: int
    head: From
    instructions: tuple[Instruction, ...]

    @property
    def label(self) -> str:
        """Its name, or `stage-N`."""
        return self.head.name or f"stage-{self.index}"


class Dockerfile(Struct):
    """A Dockerfile, read.

    Attributes:
        text: as given.
        directives: `syntax`, `escape` and `check`, where they are.
        escape: the escape character.
        global_arguments: every `ARG` before the first `FROM`.
        stages: in order, at least one.
        empty_continuations: last lines of instructions that have an empty line inside.
    """

    text: str
    directives: dict[str, str]
    escape: str
    global_arguments: tuple[Arg, ...]
    stages: tuple[Stage, ...]
    empty_continuations: tuple[int, ...] = ()


def parse(text: str | bytes) -> Dockerfile:
    """Read a Dockerfile.

    Args:
        text: bytes are UTF-8; what is none of it is kept as lone surrogates (`surrogateescape`).

    Raises:
        DockerfileError: with the line and its text, where one line is to blame.
    """
    if isinstance(text, bytes):
        text = text.decode(errors="surrogateescape")
    return assemble(read_lines(text), text)


def assemble(found: Lines, text: str, watch: Callable[[Line], None] | None = None) -> Dockerfile:
    """Make a Dockerfile of its lines.

    Args:
        found: the lines.
        text: what they are from.
        watch: is shown each line before it is read.

    Raises:
        DockerfileError: as `parse`.
    """
    global_arguments: list[Arg] = []
    stages: list[tuple[From, list[Instruction]]] = []
    for line in found.lines:
        if watch is not None:
            watch(line)
        instruction = read_instruction(line)
        if isinstance(instruction, From):
            stages.append((instruction, []))
        elif stages:
            stages[-1][1].append(instruction)
        elif isinstance(instruction, Arg):
            global_arguments.append(instruction)
        else:
            raise DockerfileError(
                "no build stage in current context",
                start=line.start,
                end=line.end,
                text=instruction.origin.text,
                hint="only ARG may stand before the first FROM",
            )
    if not stages:
        raise DockerfileError("dockerfile contains no stages to build", hint="a stage begins with FROM")
    return Dockerfile(
        text,
        found.directives,
        found.escape,
        tuple(global_arguments),
        tuple(Stage(index, head, tuple(rest)) for index, (head, rest) in enumerate(stages)),
        found.empty_continuations,
    )


def parse_trigger(text: str, head: From) -> Instruction:
    """The instruction of an `ONBUILD`, as one of the stage that begins with `head`.

    Raises:
        DockerfileError: it is wrong, or not one instruction.
    """
    try:
        instruction = _trigger(text, head)
    except DockerfileError as error:
        error.start, error.end = head.origin.start, head.origin.end
        raise
    return instruction.replace(origin=instruction.origin.replace(trigger=True))


def _trigger(text: str, head: From) -> Instruction:
    lines = read_lines(text).lines
    if len(lines) != 1:
        raise DockerfileError("onbuild trigger should be a single expression")
    instruction = read_instruction(lines[0].replace(start=head.origin.start, end=head.origin.end))
    if isinstance(instruction, From):
        raise DockerfileError("FROM isn't allowed as an ONBUILD trigger")
    return instruction
