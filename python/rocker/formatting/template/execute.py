"""Walks the tree and writes the text."""

from __future__ import annotations

from rocker.errors import InvalidArgumentError
from rocker.formatting.template import functions
from rocker.formatting.template.nodes import (
    Action,
    Branch,
    Chain,
    Command,
    Dot,
    Field,
    Function,
    Literal,
    Pipe,
    Text,
    Variable,
)
from rocker.formatting.template.values import NO_VALUE, Fields, Late, NoValue, Record, is_true, show

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_MISSING = object()
_IDENTITY = frozenset({"json", "lower", "upper", "title", "split", "join", "pad", "truncate", "println"})


class NoFieldError(InvalidArgumentError):
    """A record has no field of that name, whatever its values."""


class Executor:
    """One run of a template. With `heading` Docker's text functions leave their argument as it is."""

    def __init__(self, text: str, data: Any, *, heading: bool = False) -> None:
        self._text = text
        self._heading = heading
        self._variables: list[tuple[str, Any]] = [("$", data)]
        self._out: list[str] = []

    def run(self, nodes: tuple[Any, ...]) -> str:
        """The text. Raises InvalidArgumentError."""
        self._walk(self._variables[0][1], nodes)
        return "".join(self._out)

    def _error(self, node: Any, reason: str) -> InvalidArgumentError:
        line = self._text.count("\n", 0, node.position) + 1
        start = self._text.rfind("\n", 0, node.position) + 1
        column = len(self._text[start : node.position].encode())
        return InvalidArgumentError(f'template: :{line}:{column}: executing "" at <{node.source}>: {reason}')

    # --- blocks

    def _walk(self, dot: Any, nodes: tuple[Any, ...]) -> None:
        for node in nodes:
            if isinstance(node, Text):
                self._out.append(node.text)
            elif isinstance(node, Action):
                value = self._pipe(dot, node.pipe)
                if not node.pipe.names:
                    self._out.append(show(value))
            else:
                self._branch(dot, node)

    def _branch(self, dot: Any, node: Branch) -> None:
        mark = len(self._variables)
        if node.kind == "range":
            self._range(dot, node)
        else:
            value = self._pipe(dot, node.pipe)
            if is_true(value):
                self._walk(value if node.kind == "with" else dot, node.body)
            else:
                self._walk(dot, node.otherwise)
        del self._variables[mark:]

    def _range(self, dot: Any, node: Branch) -> None:
        value = self._pipe(dot, node.pipe._replace(names=()))
        items = self._items(node, value)
        names = node.pipe.names
        for key, item in items:
            mark = len(self._variables)
            wanted = (item,) if len(names) == 1 else (key, item)
            if len(names) == 1 and isinstance(value, int):
                wanted = (key,)
            for name, found in zip(names, wanted, strict=False):
                if node.pipe.assigns:
                    self._assign(name, found)
                else:
                    self._variables.append((name, found))
            self._walk(item, node.body)
            del self._variables[mark:]
        if not items:
            self._walk(dot, node.otherwise)

    def _items(self, node: Branch, value: Any) -> list[tuple[Any, Any]]:
        if value is None or isinstance(value, NoValue):
            return []
        if isinstance(value, list | tuple):
            return list(enumerate(value))
        if isinstance(value, dict) and not isinstance(value, Fields):
            return [(key, value[key]) for key in sorted(value)]
        if isinstance(value, int) and not isinstance(value, bool):
            return [(number, number) for number in range(min(value, 1_000_000))]
        raise self._error(node.pipe, f"range can't iterate over {show(value)}")

    # --- pipelines

    def _pipe(self, dot: Any, pipe: Pipe) -> Any:
        value: Any = _MISSING
        for command in pipe.commands:
            value = self._command(dot, command, value)
        for name in pipe.names:
            if pipe.assigns:
                self._assign(name, value)
            else:
                self._variables.append((name, value))
        return value

    def _assign(self, name: str, value: Any) -> None:
        for index in range(len(self._variables) - 1, -1, -1):
            if self._variables[index][0] == name:
                self._variables[index] = (name, value)
                return

    def _command(self, dot: Any, command: Command, final: Any) -> Any:
        first, rest = command.operands[0], command.operands[1:]
        if isinstance(first, Function):
            return self._call(dot, first, rest, final, command)
        if isinstance(first, Field):
            return self._fields(dot, dot, first, rest, final)
        if isinstance(first, Variable):
            return self._fields(dot, self._variable(first.name), first, rest, final)
        if isinstance(first, Chain):
            return self._fields(dot, self._operand(dot, first.base), first, rest, final)
        if isinstance(first, Literal) and first.source == "nil":
            raise self._error(first, "nil is not a command")
        if rest or final is not _MISSING:
            raise self._error(first, f"can't give argument to non-function {first.source}")
        return self._operand(dot, first)

    def _operand(self, dot: Any, node: Any) -> Any:
        if isinstance(node, Literal):
            return node.value
        if isinstance(node, Dot):
            return dot
        if isinstance(node, Function):
            return self._call(dot, node, (), _MISSING, Command((node,), node.source, node.position))
        if isinstance(node, Pipe):
            mark = len(self._variables)
            value = self._pipe(dot, node)
            del self._variables[mark:]
            return value
        return self._command(dot, Command((node,), node.source, node.position), _MISSING)

    def _variable(self, name: str) -> Any:
        return next(value for known, value in reversed(self._variables) if known == name)

    # --- fields

    def _fields(self, dot: Any, value: Any, node: Any, rest: tuple[Any, ...], final: Any) -> Any:
        given = [self._operand(dot, argument) for argument in rest]
        if final is not _MISSING:
            given.append(final)
        for index, name in enumerate(node.names):
            last = index == len(node.names) - 1
            value = self._field(value, name, node, given if last else [])
        if given and not node.names:
            raise self._error(node, f"can't give argument to non-function {node.source}")
        return value

    def _field(self, value: Any, name: str, node: Any, given: list[Any]) -> Any:
        found = self._lookup(value, name, node)
        if isinstance(found, Late):
            found = found.make()
        if callable(found):
            try:
                return found(*given)
            except TypeError:
                raise self._error(node, f"wrong number of args for {name}: want 1 got {len(given)}") from None
        if given:
            method = isinstance(value, Fields)
            reason = (
                "has arguments but cannot be invoked as function"
                if method
                else "is not a method but has arguments"
            )
            raise self._error(node, f"{name} {reason}")
        return found

    def _lookup(self, value: Any, name: str, node: Any) -> Any:
        if isinstance(value, dict):
            if name in value:
                return value[name]
            if isinstance(value, Record):
                reason = f"can't evaluate field {name} in type {value.go_type}"
                raise NoFieldError(self._error(node, reason).message)
            if isinstance(value, Fields):
                raise self._error(node, f'map has no entry for key "{name}"')
            return NO_VALUE
        if isinstance(value, NoValue):
            return value
        if value is None:
            raise self._error(node, f"nil pointer evaluating interface {{}}.{name}")
        raise self._error(node, f"can't evaluate field {name} in type interface {{}}")

    # --- functions

    def _call(self, dot: Any, node: Function, rest: tuple[Any, ...], final: Any, command: Command) -> Any:
        call = functions.FUNCTIONS[node.name]
        count = len(rest) + (final is not _MISSING)
        if count < call.least or (call.most is not None and count > call.most):
            wanted = f"at least {call.least}" if call.most is None else str(call.least)
            raise self._error(node, f"wrong number of args for {node.name}: want {wanted} got {count}")
        if node.name in ("and", "or"):
            return self._decide(dot, node.name, rest, final)
        arguments = [self._operand(dot, argument) for argument in rest]
        if final is not _MISSING:
            arguments.append(final)
        if self._heading and node.name in _IDENTITY:
            return arguments[0] if arguments else ""
        try:
            return call.body(*arguments)
        except InvalidArgumentError as error:
            raise self._error(self._culprit(error, arguments, rest, command), str(error)) from error

    @staticmethod
    def _culprit(error: Exception, arguments: list[Any], nodes: tuple[Any, ...], command: Command) -> Any:
        """The node to name: the argument of a wrong type, else the whole call."""
        if isinstance(error, functions.WrongTypeError):
            for argument, node in zip(arguments, nodes, strict=False):
                if argument is error.value:
                    return node
        return command

    def _decide(self, dot: Any, name: str, rest: tuple[Any, ...], final: Any) -> Any:
        value: Any = None
        for argument in rest:
            value = self._operand(dot, argument)
            if is_true(value) == (name == "or"):
                return value
        return value if final is _MISSING else final
