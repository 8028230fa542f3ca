"""The arguments of one line in the forms that instructions take: words, pairs, one string, JSON."""

from __future__ import annotations

from rocker.images.builder.characters import BLANKS, SEPARATORS, split_all, split_off
from rocker.images.builder.errors import DockerfileError
from rocker.models.struct import Struct
from rocker.parse.number import quote

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn


class Form(Struct):
    """What a line's arguments are, before they have a meaning.

    Attributes:
        words: the arguments; of pairs, name, value and separator (`=`, or "" in the old form) in turn.
        json: whether they were a JSON array.
    """

    words: tuple[str, ...] = ()
    json: bool = False


def split_flags(text: str, escape: str) -> tuple[list[str], str]:
    """The words at the beginning that start with `--`, without their quotes, and the rest; `--` itself ends them."""
    flags: list[str] = []
    place = 0
    while True:
        while place < len(text) and text[place] in SEPARATORS + "\n":
            place += 1
        if not text.startswith("--", place):
            return flags, text[place:]
        flag, quoted, place = _flag(text, place, escape)
        if flag == "--":
            return flags, text[place:]
        if flag or quoted:
            flags.append(flag)


def _flag(text: str, place: int, escape: str) -> tuple[str, bool, int]:
    """One flag, whether it had quotes, and where it ends."""
    parts: list[str] = []
    inside, quoted = "", False
    while place < len(text):
        character = text[place]
        if not inside and character in SEPARATORS + "\n":
            break
        place += 1
        if character == inside:
            inside = ""
        elif not inside and character in "'\"":
            inside, quoted = character, True
        elif character == escape:
            parts.append(text[place : place + 1])
            place += 1
        else:
            parts.append(character)
    return "".join(parts), quoted, place


def split_words(text: str, escape: str) -> list[str]:
    """Words between blanks; quotes and escapes keep blanks inside a word, and stay in it."""
    words: list[str] = []
    parts: list[str] = []
    inside = ""
    place = 0
    while place < len(text):
        character = text[place]
        place += 1
        if not inside and character in BLANKS:
            if parts:
                words.append("".join(parts))
                parts.clear()
            continue
        if character == escape and inside != "'":
            if place == len(text):  # an escape at the very end is nothing
                break
            parts.append(character + text[place])
            place += 1
            continue
        if inside:
            inside = "" if character == inside else inside
        elif character in "'\"":
            inside = character
        parts.append(character)
    if parts:
        words.append("".join(parts))
    return words


def read_pairs(name: str, text: str, escape: str) -> Form:
    """`name=value name2="value 2"`, or the old form `name the rest`.

    Raises:
        DockerfileError: there is no value, or a word without `=`.
    """
    words = split_words(text, escape)
    if not words:
        return Form()
    if "=" not in words[0]:
        key, value = split_off(text)
        if value is None:
            raise DockerfileError(f"{name} must have two arguments")
        return Form((key, value, ""))
    found: list[str] = []
    for word in words:
        key, equals, value = word.partition("=")
        if not equals:
            raise DockerfileError(
                f"Syntax error - can't find = in {quote(word)}. Must be of the form: name=value"
            )
        found += [key, value, equals]
    return Form(tuple(found))


def read_list(text: str) -> Form:
    """Words between blanks, without any quoting."""
    return Form(tuple(split_all(text)) if text else ())


def read_string(text: str) -> Form:
    """The rest of the line as it is."""
    return Form((text,) if text else ())


def read_command(text: str) -> Form:
    """A JSON array of strings, or a command for a shell.

    Raises:
        DockerfileError: it is a JSON array, but not of strings.
    """
    return _json(text) or read_string(text)


def read_paths(text: str) -> Form:
    """A JSON array of strings, or words between blanks.

    Raises:
        DockerfileError: it is a JSON array, but not of strings.
    """
    return _json(text) or read_list(text)


def read_health(text: str) -> Form:
    """`NONE`, or `CMD` with a command after it.

    Raises:
        DockerfileError: the command is a JSON array, but not of strings.
    """
    kind, rest = split_off(text)
    if not kind:
        return Form()
    command = read_command(rest or "")
    return Form((kind, *command.words), json=command.json)


def _json(text: str) -> Form | None:
    """The strings of a JSON array; None when the text is something else, which makes it a shell's."""
    import json

    text = text.lstrip(BLANKS)
    if not text.startswith("["):
        return None
    try:
        found = json.loads(text, parse_constant=_no_number)
    except (ValueError, RecursionError):
        return None
    if not all(isinstance(word, str) for word in found):
        raise DockerfileError("when using JSON array syntax, arrays must be comprised of strings only")
    return Form(tuple(_whole(word) for word in found), json=True)


def _no_number(name: str) -> NoReturn:
    raise ValueError(name)


def _whole(word: str) -> str:
    r"""The word with `\ud800` and its like, halves of a character, as U+FFFD; bytes that were no UTF-8 stay."""
    return "".join(
        "\ufffd" if "\ud800" <= character <= "\udfff" and not "\udc80" <= character <= "\udcff" else character
        for character in word
    )
