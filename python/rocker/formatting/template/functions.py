"""What templates may call: Go's own functions and those Docker adds."""

from __future__ import annotations

from rocker.errors import InvalidArgumentError
from rocker.formatting.template.printf import sprintf
from rocker.formatting.template.values import (
    NO_VALUE,
    Fields,
    Late,
    NoValue,
    Texts,
    basic_kind,
    is_true,
    show,
    show_float,
    type_name,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_HTML = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&#34;", "'": "&#39;", "\0": "\ufffd"}


class WrongTypeError(InvalidArgumentError):
    """An argument is not of the type that the function takes."""

    def __init__(self, wanted: str, value: Any) -> None:
        super().__init__(f"wrong type for value; expected {wanted}; got {type_name(value)}")
        self.value = value


def to_json(value: Any) -> str:
    """As Docker's `json`.

    Compact, Unicode as it is, an object's fields in their order and a map's keys sorted.
    """
    value = _made(value)
    if value is None or isinstance(value, NoValue):
        return "null"
    if isinstance(value, dict):
        keys = value if isinstance(value, Fields) else sorted(value)
        made = ((key, _made(value[key])) for key in keys)
        members = (f"{_json_text(key)}:{to_json(item)}" for key, item in made if not callable(item))
        return "{" + ",".join(members) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(map(to_json, value)) + "]"
    if isinstance(value, float):
        return _json_float(value)
    return _json_text(value) if isinstance(value, str) else show(value)


def _made(value: Any) -> Any:
    return value.make() if isinstance(value, Late) else value


def _json_text(text: str) -> str:
    import json

    quoted = json.dumps(text, ensure_ascii=False)
    return quoted.replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def _json_float(value: float) -> str:
    """As encoding/json has it: an exponent below 1e-6 and from 1e21 on."""
    if value != value or value in (float("inf"), float("-inf")):  # noqa: PLR0124 -- NaN
        raise InvalidArgumentError(f"error calling json: json: unsupported value: {show(value)}")
    text = show_float(value)
    if "e" not in text:
        return text
    if not 1e-6 <= abs(value) < 1e21:  # noqa: PLR2004 -- Go's turning points
        return text.replace("e-0", "e-")
    from decimal import Decimal

    return format(Decimal(repr(value)), "f")


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise WrongTypeError("string", value)
    return value


def _integer(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise WrongTypeError("int", value)
    return value


def _split(text: Any, separator: Any) -> list[str]:
    return _text(text).split(_text(separator)) if separator else list(_text(text))


def _join(items: Any, separator: Any) -> str:
    if not isinstance(items, list | tuple):
        raise WrongTypeError("[]string", items)
    return _text(separator).join(_text(item) for item in items)


def _title(text: Any) -> str:
    """Go's strings.Title: the first letter of each word raised, the others as they are."""
    result, inside = [], False
    for character in _text(text):
        result.append(character if inside else character.title())
        inside = character.isalnum() or character in "_'"
    return "".join(result)


def _pad(text: Any, before: Any, after: Any) -> str:
    return " " * _integer(before) + _text(text) + " " * _integer(after) if text else _text(text)


def _truncate(text: Any, length: Any) -> str:
    return _text(text)[: max(0, _integer(length))] if len(_text(text)) >= _integer(length) else _text(text)


def _len(value: Any) -> int:
    if isinstance(value, str):
        return len(value.encode("utf-8", "surrogateescape"))
    if value is None or isinstance(value, NoValue):
        raise InvalidArgumentError("error calling len: len of nil pointer")
    if isinstance(value, list | tuple | dict):
        return len(value)
    raise InvalidArgumentError(f"error calling len: len of type {type_name(value)}")


def _index(value: Any, *keys: Any) -> Any:
    for key in keys:
        if isinstance(value, Late):
            value = value.make()
        if value is None or isinstance(value, NoValue):
            raise InvalidArgumentError("error calling index: index of untyped nil")
        if isinstance(value, dict):
            if not isinstance(key, str):
                raise InvalidArgumentError(
                    f"error calling index: value has type {type_name(key)}; should be string"
                )
            value = value.get(key, "" if isinstance(value, Texts) else NO_VALUE)
        elif isinstance(value, list | tuple | str):
            value = _item(value, key)
        else:
            raise InvalidArgumentError(f"error calling index: can't index item of type {type_name(value)}")
    return value


def _item(value: Any, key: Any) -> Any:
    if isinstance(key, bool) or not isinstance(key, int):
        raise InvalidArgumentError(
            f"error calling index: cannot index slice/array with type {type_name(key)}"
        )
    data = value.encode() if isinstance(value, str) else value
    if not 0 <= key < len(data):
        raise InvalidArgumentError(f"error calling index: index out of range: {key}")
    return data[key]


def _slice(value: Any, *bounds: Any) -> Any:
    if not isinstance(value, list | tuple | str):
        raise InvalidArgumentError(f"error calling slice: can't slice item of type {type_name(value)}")
    data: Any = value.encode("utf-8", "surrogateescape") if isinstance(value, str) else list(value)
    numbers = [_integer(bound) for bound in bounds]
    start = numbers[0] if numbers else 0
    end = numbers[1] if len(numbers) > 1 else len(data)
    for number in (start, end):
        if not 0 <= number <= len(data):
            raise InvalidArgumentError(f"error calling slice: index out of range: {number}")
    if start > end:
        raise InvalidArgumentError(f"error calling slice: invalid slice index: {start} > {end}")
    cut = data[start:end]
    return cut.decode("utf-8", "surrogateescape") if isinstance(value, str) else cut


def _print(*values: Any) -> str:
    """Go's Sprint: a blank between neighbours of which neither is a string."""
    parts: list[str] = []
    for index, value in enumerate(values):
        if index and not isinstance(value, str) and not isinstance(values[index - 1], str):
            parts.append(" ")
        parts.append(show(value, top=False))
    return "".join(parts)


def _println(*values: Any) -> str:
    return " ".join(show(value, top=False) for value in values) + "\n"


def _printf(form: Any, *values: Any) -> str:
    return sprintf(_text(form), list(values))


def _comparable(name: str, first: Any, second: Any) -> None:
    kinds = basic_kind(first), basic_kind(second)
    if None in kinds and name not in ("eq", "ne"):
        raise InvalidArgumentError(f"error calling {name}: invalid type for comparison")
    if kinds[0] != kinds[1]:
        types = f"{type_name(first)} and {type_name(second)}"
        raise InvalidArgumentError(f"error calling {name}: incompatible types for comparison: {types}")


def _same(name: str, first: Any, second: Any) -> bool:
    first, second = (None if isinstance(value, NoValue) else value for value in (first, second))
    if first is None or second is None:
        return first is second
    if isinstance(first, dict | list | tuple) or isinstance(second, dict | list | tuple):
        if type(first) is not type(second):
            types = f"{type_name(first)} and {type_name(second)}"
            raise InvalidArgumentError(f"error calling {name}: incompatible types for comparison: {types}")
        raise InvalidArgumentError(
            f"error calling {name}: non-comparable type {show(first)}: {type_name(first)}"
        )
    _comparable(name, first, second)
    return bool(first == second)


def _eq(first: Any, *others: Any) -> bool:
    if not others:
        raise InvalidArgumentError("error calling eq: missing argument for comparison")
    return any(_same("eq", first, other) for other in others)


def _ne(first: Any, second: Any) -> bool:
    return not _same("ne", first, second)


def _less(name: str, first: Any, second: Any) -> bool:
    _comparable(name, first, second)
    if isinstance(first, bool):
        raise InvalidArgumentError(f"error calling {name}: invalid type for comparison")
    return bool(first < second)


def _html(*values: Any) -> str:
    return "".join(_HTML.get(character, character) for character in _joined(values))


def _urlquery(*values: Any) -> str:
    from urllib.parse import quote_plus

    return quote_plus(_joined(values), safe="~").replace("%7E", "~")


def _joined(values: tuple[Any, ...]) -> str:
    return values[0] if len(values) == 1 and isinstance(values[0], str) else _print(*values)


class Call:
    """A function with the number of its arguments."""

    __slots__ = ("body", "least", "most")

    def __init__(self, body: Callable[..., Any], least: int, most: int | None = -1) -> None:
        self.body = body
        self.least = least
        self.most = least if most == -1 else most


FUNCTIONS: dict[str, Call] = {
    # `and` and `or` stop at the first argument that decides, so the executor does their work.
    "and": Call(is_true, 1, None),
    "or": Call(is_true, 1, None),
    "not": Call(lambda value: not is_true(value), 1),
    "len": Call(_len, 1),
    "index": Call(_index, 1, None),
    "slice": Call(_slice, 1, 3),
    "print": Call(_print, 0, None),
    "printf": Call(_printf, 1, None),
    "println": Call(_println, 0, None),
    "html": Call(_html, 0, None),
    "urlquery": Call(_urlquery, 0, None),
    "eq": Call(_eq, 1, None),
    "ne": Call(_ne, 2),
    "lt": Call(lambda first, second: _less("lt", first, second), 2),
    "le": Call(lambda first, second: _less("le", first, second) or _same("le", first, second), 2),
    "gt": Call(lambda first, second: not (_less("gt", first, second) or _same("gt", first, second)), 2),
    "ge": Call(lambda first, second: not _less("ge", first, second), 2),
    "json": Call(to_json, 1),
    "split": Call(_split, 2),
    "join": Call(_join, 2),
    "title": Call(_title, 1),
    "lower": Call(lambda text: _text(text).lower(), 1),
    "upper": Call(lambda text: _text(text).upper(), 1),
    "pad": Call(_pad, 3),
    "truncate": Call(_truncate, 2),
}
