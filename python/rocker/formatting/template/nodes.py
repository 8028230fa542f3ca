"""The tree of a template.

`position` counts characters from the start of the text; `source` is how Go shows the node.
"""

from __future__ import annotations

from typing import Any, NamedTuple


class Text(NamedTuple):
    """Text as it stands."""

    text: str


class Literal(NamedTuple):
    """A constant: string, number, boolean or nil."""

    value: Any
    source: str
    position: int


class Dot(NamedTuple):
    """The value at hand."""

    source: str
    position: int


class Field(NamedTuple):
    """A chain of fields of the value at hand: `.A.B`."""

    names: tuple[str, ...]
    source: str
    position: int


class Variable(NamedTuple):
    """A variable, and fields of it: `$x.A`."""

    name: str
    names: tuple[str, ...]
    source: str
    position: int


class Function(NamedTuple):
    """A function's name."""

    name: str
    source: str
    position: int


class Chain(NamedTuple):
    """Fields of what is in parentheses: `(f).A`."""

    base: Any
    names: tuple[str, ...]
    source: str
    position: int


class Command(NamedTuple):
    """An operand, or a call: the first operand with the others as its arguments."""

    operands: tuple[Any, ...]
    source: str
    position: int


class Pipe(NamedTuple):
    """Commands of which each takes the value of the one before as its last argument.

    Declared names get the last value.
    """

    names: tuple[str, ...]
    assigns: bool
    commands: tuple[Command, ...]
    source: str
    position: int


class Action(NamedTuple):
    """A pipeline whose value is printed."""

    pipe: Pipe


class Branch(NamedTuple):
    """`if`, `with` or `range`, as `kind` says."""

    kind: str
    pipe: Pipe
    body: tuple[Any, ...]
    otherwise: tuple[Any, ...]
