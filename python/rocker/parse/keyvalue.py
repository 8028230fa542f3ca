"""`NAME=VALUE` pairs, from flags and from files.

The rules of a file are Docker's: UTF-8, one pair a line, blanks before a name and lines beginning with `#`
ignored,
the value as it stands to the end of the line: no quotes, no escapes, no expansion, no trailing comments.
"""

from __future__ import annotations

from rocker.errors import InvalidArgumentError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    Lookup = Callable[[str], str | None]

_BLANKS = " \t\n\v\f\r\x85\xa0"


def parse_env(text: str) -> str:
    """One `--env`: `NAME=VALUE` or `NAME`; unchanged. Raises InvalidArgumentError when the name is empty."""
    if not text or text.startswith("="):
        raise InvalidArgumentError(f"invalid environment variable: {text}")
    return text


def parse_label(text: str) -> str:
    """One `--label`.

    `NAME=VALUE` or `NAME`; unchanged. Raises InvalidArgumentError when the name is empty.
    """
    if not text or text.startswith("="):
        raise InvalidArgumentError(f"invalid label '{text}': empty name")
    return text


def parse_pair(text: str) -> str:
    """One `--log-opt` or `--annotation`; unchanged. Raises InvalidArgumentError without a name or `=`."""
    if text.startswith("=") or "=" not in text:
        raise InvalidArgumentError(f"invalid key=value pair: {text}")
    return text


def to_dict(pairs: Iterable[str]) -> dict[str, str]:
    """Pairs as a dictionary; a later one wins, one without `=` has an empty value."""
    return {name: value for name, _, value in (pair.partition("=") for pair in pairs)}


def read_file(path: str, lookup: Lookup | None = None) -> list[str]:
    """The pairs of an environment or label file, in order.

    A name without `=` gets its value from `lookup` and is left out when that gives None; without `lookup` its
    value is empty. Raises InvalidArgumentError naming file and line.
    """
    try:
        with open(path, "rb") as file:
            data = file.read()
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise InvalidArgumentError(f"open {path}: {reason}", errno=error.errno, path=path) from error
    return parse_lines(data, path, lookup)


def parse_lines(data: bytes, path: str, lookup: Lookup | None = None) -> list[str]:
    """The pairs in the content of such a file; `path` is for messages only."""
    pairs: list[str] = []
    for number, raw in enumerate(data.removeprefix(b"\xef\xbb\xbf").split(b"\n"), 1):
        try:
            line = raw.removesuffix(b"\r").decode().lstrip(_BLANKS)
        except UnicodeDecodeError:
            raise _bad(path, number, "invalid utf8 bytes") from None
        if not line or line.startswith("#"):
            continue
        name, equals, value = line.partition("=")
        if not name:
            raise _bad(path, number, f"no variable name on line '{line}'")
        if not equals:
            name = name.rstrip(_BLANKS)
        if any(blank in name for blank in _BLANKS):
            raise _bad(path, number, f"variable '{name}' contains whitespaces")
        found = value if equals else ("" if lookup is None else lookup(name))
        if found is not None:
            pairs.append(f"{name}={found}")
    return pairs


def _bad(path: str, line: int, reason: str) -> InvalidArgumentError:
    return InvalidArgumentError(
        f"poorly formatted environment: {reason} ({path}, line {line})",
        hint="a line is NAME=VALUE, NAME or a # comment",
        path=path,
    )
