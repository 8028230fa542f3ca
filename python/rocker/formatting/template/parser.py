"""From tokens to the tree, by recursive descent."""

from __future__ import annotations

from rocker.errors import InvalidArgumentError
from rocker.formatting.template.functions import FUNCTIONS
from rocker.formatting.template.lexer import Token, syntax_error, tokenize
from rocker.formatting.template.literals import parse_number, unquote
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

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_OPERANDS = ("name", "field", "variable", "number", "string", "raw", "char", "bool", "dot", "(")
_DEEPEST = 100


class Parser:
    """Parses one template. Raises InvalidArgumentError with Go's texts."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = tokenize(text)
        self._next = 0
        self._variables = ["$"]
        self._depth = 0

    def parse(self) -> tuple[Any, ...]:
        """The nodes of the whole text."""
        nodes, ending = self._nodes()
        if ending is not None:
            raise self._error(f"unexpected {{{{{ending}}}}}")
        return nodes

    # --- tokens

    def _peek(self) -> Token:
        token = self._tokens[self._next]
        if token.kind == "error":
            raise InvalidArgumentError(token.text)
        return token

    def _take(self) -> Token:
        token = self._peek()
        self._next = min(self._next + 1, len(self._tokens) - 1)
        return token

    def _skip_space(self) -> Token:
        """The next token that is no space, not taken yet."""
        while self._peek().kind == "space":
            self._take()
        return self._peek()

    def _error(self, reason: str) -> Exception:
        return syntax_error(self._text, self._tokens[self._next].position, reason)

    def _unexpected(self, token: Token, context: str) -> Exception:
        shown = f"<{token.text}>" if token.kind in ("keyword", "dot") else f'"{token.text}"'
        shown = "EOF" if token.kind == "eof" else shown
        return syntax_error(self._text, token.position, f"unexpected {shown} in {context}")

    # --- blocks

    def _nodes(self) -> tuple[tuple[Any, ...], str | None]:
        """Nodes up to `end` or `else` (which is returned) or the end of the text (None)."""
        nodes: list[Any] = []
        while (token := self._take()).kind != "eof":
            if token.kind == "text":
                nodes.append(Text(token.text))
                continue
            word = self._skip_space()
            if word.kind == "keyword" and word.text in ("end", "else"):
                self._take()
                if word.text == "end":
                    self._close("end")
                return tuple(nodes), word.text
            nodes.append(self._action(word))
        return tuple(nodes), None

    def _action(self, word: Token) -> Any:
        if word.kind == "keyword" and word.text in ("if", "with", "range"):
            self._take()
            return self._branch(word.text)
        if word.kind == "keyword" and word.text != "nil":
            raise self._error(f"{{{{{word.text}}}}} is not supported")
        pipe = self._pipeline("command", "}}")
        self._close("command")
        return Action(pipe)

    def _close(self, context: str) -> None:
        token = self._skip_space()
        if token.kind != "}}":
            raise self._unexpected(token, context)
        self._take()

    def _branch(self, kind: str) -> Branch:
        self._deeper()
        variables = len(self._variables)
        pipe = self._pipeline(kind, "}}", loop=kind == "range")
        self._close(kind)
        body, ending = self._nodes()
        otherwise: tuple[Any, ...] = ()
        if ending == "else":
            otherwise = self._otherwise(kind)
        elif ending is None:
            raise self._error("unexpected EOF")
        del self._variables[variables:]
        self._depth -= 1
        return Branch(kind, pipe, body, otherwise)

    def _otherwise(self, kind: str) -> tuple[Any, ...]:
        word = self._skip_space()
        if kind in ("if", "with") and word.kind == "keyword" and word.text == kind:
            self._take()
            return (self._branch(kind),)
        self._close("else")
        nodes, ending = self._nodes()
        if ending == "else":
            raise self._error("expected end; found {{else}}")
        if ending is None:
            raise self._error("unexpected EOF")
        return nodes

    def _deeper(self) -> None:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise self._error("max expression depth exceeded")

    # --- pipelines

    def _pipeline(self, context: str, end: str, *, loop: bool = False) -> Pipe:
        start = self._skip_space().position
        names, assigns = self._declarations(context, loop=loop)
        commands: list[Command] = []
        while True:
            token = self._skip_space()
            if token.kind == end:
                break
            if token.kind not in _OPERANDS and token.text != "nil":
                raise self._unexpected(token, context)
            commands.append(self._command())
            if len(commands) > 1 and isinstance(commands[-1].operands[0], Literal | Dot):
                raise self._error(f"non executable command in pipeline stage {len(commands)}")
            if self._skip_space().kind == "pipe":
                self._take()
        if not commands:
            raise self._error(f"missing value for {context}")
        source = self._source(start, self._peek().position)
        return Pipe(names, assigns, tuple(commands), source, start)

    def _declarations(self, context: str, *, loop: bool) -> tuple[tuple[str, ...], bool]:
        """`$x :=`, `$x =` or, in a range, `$i, $x :=` at the front."""
        start = self._next
        names: list[str] = []
        while self._skip_space().kind == "variable":
            names.append(self._take().text)
            following = self._skip_space()
            if following.kind in (":=", "="):
                self._take()
                return self._declare(names, following.kind, context, loop=loop)
            if following.kind != ",":
                break
            if not loop:
                raise self._error(f"too many declarations in {context}")
            self._take()
        self._next = start
        return (), False

    def _declare(
        self, names: list[str], sign: str, context: str, *, loop: bool
    ) -> tuple[tuple[str, ...], bool]:
        if len(names) > (2 if loop else 1):
            raise self._error(f"too many declarations in {context}")
        if sign == ":=":
            self._variables += names
        else:
            for name in names:
                self._known(name)
        return tuple(names), sign == "="

    def _known(self, name: str) -> None:
        if name not in self._variables:
            raise self._error(f'undefined variable "{name}"')

    def _command(self) -> Command:
        start = self._skip_space().position
        operands = [self._operand()]
        while True:
            token = self._peek()
            if token.kind != "space":
                break
            token = self._skip_space()
            if token.kind not in _OPERANDS and token.text != "nil":
                break
            operands.append(self._operand())
        token = self._peek()
        if token.kind not in ("pipe", ")", "}}"):
            raise self._unexpected(token, "operand")
        end = token.position
        return Command(tuple(operands), self._source(start, end), start)

    def _operand(self) -> Any:
        token = self._take()
        start = token.position
        base = self._term(token)
        # Go gives a chain the position of its second link.
        position = self._peek().position
        names: list[str] = []
        while self._peek().kind == "field":
            names.append(self._take().text[1:])
        if not names:
            return base
        source = self._source(start, self._peek().position)
        if isinstance(base, Field):
            return Field((*base.names, *names), source, position)
        if isinstance(base, Variable):
            return Variable(base.name, (*base.names, *names), source, position)
        if isinstance(base, Literal | Dot):
            raise self._error(f'unexpected . after term "{base.source}"')
        return Chain(base, tuple(names), source, position)

    def _term(self, token: Token) -> Any:
        kind, text, position = token
        if kind == "name":
            if text not in FUNCTIONS:
                raise syntax_error(self._text, position, f'function "{text}" not defined')
            return Function(text, text, position)
        if kind == "field":
            return Field((text[1:],), text, position)
        if kind == "variable":
            self._known(text)
            return Variable(text, (), text, position)
        if kind == "dot":
            return Dot(".", position)
        if kind == "(":
            self._deeper()
            pipe = self._pipeline("parenthesized pipeline", ")")
            self._take()
            self._depth -= 1
            return pipe._replace(source=f"({pipe.source})")
        return Literal(self._constant(token), text, position)

    def _constant(self, token: Token) -> Any:
        try:
            if token.kind == "number":
                return parse_number(token.text)
            if token.kind == "bool":
                return token.text == "true"
            if token.kind == "raw":
                return token.text[1:-1]
            if token.kind in ("string", "char"):
                value = unquote(token.text)
                return ord(value) if token.kind == "char" else value
        except (ValueError, TypeError):
            number = f"illegal number syntax: {token.text}"
            reason = number if token.kind == "number" else "invalid syntax"
            raise syntax_error(self._text, token.position, reason) from None
        return None

    def _source(self, start: int, end: int) -> str:
        return " ".join(self._text[start:end].split())
