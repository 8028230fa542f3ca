"""Parser directives: `# syntax=…`, `# escape=…` and `# check=…` at the top of a Dockerfile."""

from __future__ import annotations

from rocker.images.builder.characters import BLANKS
from rocker.images.builder.errors import DockerfileError

NAMES = ("syntax", "escape", "check")

_BLANKS = "\t\n\f\r "


class Directives:
    """Reads the first lines of a file; the first that is no directive ends them all.

    Attributes:
        found: values by name, as written.
    """

    def __init__(self, comment: str = "#") -> None:
        self.found: dict[str, str] = {}
        self._comment = comment
        self._done = False

    def take(self, line: str) -> str | None:
        """The name of the directive that this line is, or None.

        Raises:
            DockerfileError: it is there twice, or is an escape character that there is not.
        """
        if self._done:
            return None
        parsed = None
        if line.startswith(self._comment):
            parsed = _split(line[len(self._comment) :].lstrip(BLANKS))
        if parsed is None:
            self._done = True
            return None
        name, value = parsed
        if name in self.found:
            raise DockerfileError(f"only one {name} parser directive can be used", text=line)
        if name == "escape" and value not in ("\\", "`"):
            raise DockerfileError(f"invalid escape token '{value}' does not match ` or \\", text=line)
        self.found[name] = value
        return name


def _split(text: str) -> tuple[str, str] | None:
    """Name and value of `name = value`; None when it is something else."""
    name, equals, value = text.partition("=")
    name = name.rstrip(_BLANKS)
    value = value.strip(_BLANKS) or value[-1:]  # `escape= ` means a blank, and is refused as one
    if not equals or not value or "\n" in value or name.lower() not in NAMES or not name.isascii():
        return None
    return name.lower(), value


def syntax_of(text: str) -> str | None:
    """The image of the front end that a build definition asks for, or None.

    Besides `# syntax=`, `// syntax=` and a JSON document's `"syntax"` are known, after a `#!` line if there is one.
    """
    return directive_of("syntax", text, any_format=True)


def directive_of(name: str, text: str, *, any_format: bool = False) -> str | None:
    """The first word of one directive's value, or None; whatever else is wrong with the text is no matter here."""
    text = text.removeprefix("\ufeff")
    if text.startswith("#!"):
        text = text.partition("\n")[2]
    value = _found(name, text, "#")
    if value is None and any_format:
        value = _found(name, text, "//") or _in_json(name, text)
    return value


def _found(name: str, text: str, comment: str) -> str | None:
    directives = Directives(comment)
    try:
        for line in text.split("\n"):
            if directives.take(line.removesuffix("\r")) is None:
                break
    except DockerfileError:
        pass
    value = directives.found.get(name)
    return None if value is None else value.partition(" ")[0]


def _in_json(name: str, text: str) -> str | None:
    import json

    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return None
    value = document.get(name) if isinstance(document, dict) else None
    return value if isinstance(value, str) else None
