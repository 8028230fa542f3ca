"""Tables and `--format`: what `ps`, `images`, `history`, `stats` share."""

from __future__ import annotations

from rocker.errors import InvalidArgumentError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import Any

    Column = Callable[[Any], Any]

FORMAT_HELP = (
    "Format output using a custom template: 'table' (default), 'table TEMPLATE', "
    "'json' or 'TEMPLATE', a Go template"
)
"""Help of `--format`."""

_LEAST_WIDTH = 10
_GAP = 3


def render_columns(rows: Sequence[Sequence[str]], *, least: int = _LEAST_WIDTH) -> str:
    """Lines of aligned columns, as Docker's tabwriter makes them.

    They are 3 blanks apart, the last one without padding. A column is at least `least`
    wide with its gap; the width of wide characters counts as their number.
    """
    widths: list[int] = []
    for row in rows:
        for index, cell in enumerate(row[:-1]):
            if index == len(widths):
                widths.append(least)
            widths[index] = max(widths[index], len(cell) + _GAP)
    lines = []
    for row in rows:
        head = "".join(f"{cell:<{width}}" for cell, width in zip(row[:-1], widths, strict=False))
        lines.append(head + row[-1] if row else "")
    return "\n".join(lines)


class Listing:
    """Objects shown as a table, as JSON lines or through a template.

    Attributes:
        headers: heading by the name a template uses, `{"ID": "CONTAINER ID", …}`.
        fields: how each name is made of an object.
        default: names of the table's columns.
        go_type: what errors of a template call the objects, as Docker does where it lists such.
    """

    def __init__(
        self,
        headers: Mapping[str, str],
        fields: Mapping[str, Column],
        default: Sequence[str],
        *,
        go_type: str = "interface {}",
    ) -> None:
        self.headers = headers
        self.fields = fields
        self.default = default
        self.go_type = go_type

    def check(self, form: str, blank: Any) -> None:
        """Refuse a template with a field that no object has, where there is no object to show that.

        Args:
            form: of `--format`.
            blank: an object without content; what else a template says of it does not matter.

        Raises:
            InvalidArgumentError: it has such a field, or is no template.
        """
        if form in ("", "table", "json"):
            return
        from rocker.formatting.template import TemplateError, TemplateSyntaxError
        from rocker.formatting.template.execute import NoFieldError

        try:
            list(self._template([blank], form))
        except TemplateError as error:
            if isinstance(error, TemplateSyntaxError) or isinstance(error.__cause__, NoFieldError):
                raise

    def render(self, objects: Sequence[Any], form: str = "", *, quiet: str = "") -> Iterable[str]:
        """The lines for `--format form`.

        With `quiet` only the field of that name. Raises InvalidArgumentError.
        """
        if quiet and form in ("", "table"):
            yield from (str(self.fields[quiet](item)) for item in objects)
        elif form in ("", "table"):
            yield render_columns([self._heading(), *(self._row(item) for item in objects)])
        elif form == "json":
            yield from self._json(objects)
        else:
            yield from self._template(objects, form)

    def _heading(self) -> list[str]:
        return [self.headers[name] for name in self.default]

    def _row(self, item: Any) -> list[str]:
        return [str(self.fields[name](item)) for name in self.default]

    def record(self, item: Any) -> dict[str, Any]:
        """The object as a template sees it."""
        from rocker.formatting.template.values import Record

        return Record(self.go_type, {name: _late(make, item) for name, make in sorted(self.fields.items())})

    def _json(self, objects: Sequence[Any]) -> Iterable[str]:
        from rocker.formatting.template.functions import to_json

        for item in objects:
            yield to_json(
                {name: make(item) for name, make in sorted(self.fields.items()) if name in self.headers}
            )

    def _template(self, objects: Sequence[Any], form: str) -> Iterable[str]:
        from rocker.formatting.template import Template
        from rocker.formatting.template.values import Fields

        tabular = form.startswith("table")
        text = form[5:].strip() if tabular else form
        text = text.replace("\\t", "\t").replace("\\n", "\n")
        template = Template(text)
        lines = [template.render(self.record(item)) for item in objects]
        if not tabular:
            yield from lines
            return
        titles = Fields({**self.headers, "Label": lambda name: name.rpartition(".")[2]})
        heading = Template(text, heading=True).render(titles)
        yield align("\n".join([heading, *lines]))


def _late(make: Column, item: Any) -> Any:
    """A field that takes an argument is a function; the others are made when the template asks for them."""
    from rocker.formatting.template.values import Late

    return Late(lambda: make(item))


def align(text: str) -> str:
    """Text with cells ended by tabs, aligned as Go's text/tabwriter does.

    A column is a block of neighbouring lines.
    """
    lines = [line.split("\t") for line in text.split("\n")]
    widths: list[list[int]] = [[0] * (len(cells) - 1) for cells in lines]
    depth = max((len(cells) for cells in lines), default=1) - 1
    for column in range(depth):
        start = 0
        while start < len(lines):
            if len(lines[start]) - 1 <= column:
                start += 1
                continue
            end = start
            while end < len(lines) and len(lines[end]) - 1 > column:
                end += 1
            width = max(len(lines[index][column]) + _GAP for index in range(start, end))
            width = max(width, _LEAST_WIDTH)
            for index in range(start, end):
                widths[index][column] = width
            start = end
    return "\n".join(
        "".join(f"{cell:<{width}}" for cell, width in zip(cells, sizes, strict=False)) + cells[-1]
        for cells, sizes in zip(lines, widths, strict=True)
    )


def parse_filter(text: str) -> tuple[str, str]:
    """One `--filter NAME=VALUE`. Raises InvalidArgumentError."""
    name, equals, value = text.partition("=")
    if not equals:
        raise InvalidArgumentError("bad format of filter (expected name=value)")
    return name.strip().lower(), value.strip()


def gather_filters(pairs: Iterable[tuple[str, str]], known: Iterable[str]) -> dict[str, list[str]]:
    """Filters by name. Raises InvalidArgumentError for a name that is not known."""
    names = tuple(known)
    filters: dict[str, list[str]] = {}
    for name, value in pairs:
        if name not in names:
            raise InvalidArgumentError(f"invalid filter '{name}'", hint="one of " + ", ".join(sorted(names)))
        filters.setdefault(name, []).append(value)
    return filters
