"""Go's text/template, as far as `--format` needs it, with Docker's functions.

Pure: it calls nothing but its functions.

`lexer` cuts the text, `parser` makes the tree of `nodes`, `execute` walks it; `functions` and `printf` are
what templates
call; `values` knows how Go sees, prints and compares values. Errors have Go's texts, positions counted in
bytes.
Not offered: `define`, `template`, `block`, `break`, `continue` and methods of Go's types.
"""

from __future__ import annotations

from typing import Any, ClassVar

from rocker.errors import InvalidArgumentError
from rocker.formatting.template.execute import Executor
from rocker.formatting.template.parser import Parser


class TemplateError(InvalidArgumentError):
    """A template that does not fit the object."""


class TemplateSyntaxError(TemplateError):
    """A template that is none. Exit code 64, as Docker's."""

    exit_code: ClassVar[int] = 64


class Template:
    """A parsed template; `render` may be called any number of times.

    Raises TemplateSyntaxError at construction for wrong syntax.
    """

    def __init__(self, text: str, *, heading: bool = False) -> None:
        self._text = text
        self._heading = heading
        try:
            self._tree = Parser(text).parse()
        except InvalidArgumentError as error:
            raise TemplateSyntaxError(f"template parsing error: {error}") from error

    def render(self, data: Any) -> str:
        """The text for these data: JSON's types, and `Fields` for objects whose field names are fixed.

        Raises TemplateError.
        """
        try:
            return Executor(self._text, data, heading=self._heading).run(self._tree)
        except InvalidArgumentError as error:
            raise TemplateError(str(error)) from error
