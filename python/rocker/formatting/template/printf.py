"""fmt.Sprintf for the values of templates."""

from __future__ import annotations

import re
from collections.abc import Callable  # noqa: TC003 -- used by the table below

from rocker.formatting.template.values import NoValue, basic_kind, go_quote, show, show_float, type_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_VERB = re.compile(r"%([-+# 0]*)(\*|\d+)?(?:\.(\*|\d*))?(.)?", re.DOTALL)
_WIDEST = 1_000_000


def sprintf(form: str, arguments: list[Any]) -> str:
    """The text; wrong verbs show as Go shows them, for example `%!d(string=x)`."""
    parts: list[str] = []
    position, used = 0, 0
    for match in _VERB.finditer(form):
        parts.append(form[position : match.start()])
        position = match.end()
        flags, width, precision, verb = match.groups()
        if verb == "%":
            parts.append("%")
            continue
        if verb is None:
            parts.append("%!(NOVERB)")
            continue
        sizes: list[int | None] = []
        for size in (width, precision):
            if size == "*":
                star = arguments[used] if used < len(arguments) else None
                used += 1
                sizes.append(star if isinstance(star, int) and abs(star) <= _WIDEST else None)
            else:
                sizes.append(int(size or "0") if size is not None and len(size) < 7 else None)  # noqa: PLR2004
        if used >= len(arguments):
            parts.append(f"%!{verb}(MISSING)")
            continue
        parts.append(_pad(_format(verb, flags, sizes[1], arguments[used]), flags, sizes[0], verb))
        used += 1
    parts.append(form[position:])
    if used < len(arguments):
        extra = ", ".join(f"{type_name(value)}={show(value, top=False)}" for value in arguments[used:])
        parts.append(f"%!(EXTRA {extra})")
    return "".join(parts)


def _pad(text: str, flags: str, width: int | None, verb: str) -> str:
    if width is None:
        return text
    if width < 0 or "-" in flags:
        return text.ljust(abs(width))
    if "0" in flags:
        sign = text[:1] if text[:1] in ("+", "-") and verb not in "sqv" else ""
        return sign + text[len(sign) :].rjust(width - len(sign), "0")
    return text.rjust(width)


def _format(verb: str, flags: str, precision: int | None, value: Any) -> str:  # noqa: PLR0911 -- a kind of value each
    if verb == "T":
        return type_name(value)
    if isinstance(value, NoValue):
        value = None
    if verb == "v":
        return show(value, top=False)
    if isinstance(value, list | tuple):
        return "[" + " ".join(_format(verb, flags, precision, item) for item in value) + "]"
    if isinstance(value, dict):
        pairs = (
            f"{_format(verb, flags, precision, key)}:{_format(verb, flags, precision, value[key])}"
            for key in sorted(value)
        )
        return "map[" + " ".join(pairs) + "]"
    kind = basic_kind(value)
    text = _FORMATS.get(kind or "", _nothing)(verb, precision, value)
    if text is None:
        return (
            f"%!{verb}({type_name(value)}={show(value, top=False)})"
            if value is not None
            else f"%!{verb}(<nil>)"
        )
    if kind in ("int", "float") and "+" in flags and not text.startswith("-") and verb in "deEfFgG":
        return "+" + text
    return " " + text if kind == "int" and " " in flags and not text.startswith("-") and verb == "d" else text


def _nothing(_verb: str, _precision: int | None, _value: Any) -> str | None:
    return None


def _bool(verb: str, _precision: int | None, value: bool) -> str | None:
    return show(value) if verb == "t" else None


def _int(verb: str, precision: int | None, value: int) -> str | None:
    sign, magnitude = ("-" if value < 0 else ""), abs(value)
    forms = {"d": "d", "x": "x", "X": "X", "o": "o", "b": "b"}
    if verb in forms:
        return sign + format(magnitude, forms[verb]).rjust(precision or 0, "0")
    valid = 0 <= value <= 0x10FFFF and not 0xD800 <= value <= 0xDFFF  # noqa: PLR2004 -- Unicode
    if verb == "c":
        return chr(value) if valid else "\ufffd"
    if verb == "q":
        character = chr(value) if valid else "\ufffd"
        return (
            "'"
            + ("\\'" if character == "'" else '"' if character == '"' else go_quote(character)[1:-1])
            + "'"
        )
    return f"U+{value:04X}" if verb == "U" else None


def _float(verb: str, precision: int | None, value: float) -> str | None:
    if value != value or value in (float("inf"), float("-inf")):  # noqa: PLR0124 -- NaN
        return show_float(value)
    if verb in "fF":
        return f"{value:.{6 if precision is None else precision}f}"
    if verb in "eE":
        return f"{value:.{6 if precision is None else precision}{verb}}"
    if verb in "gG":
        if precision is None:
            return show_float(value)
        return f"{value:.{precision}{verb}}"
    return None


def _string(verb: str, precision: int | None, value: str) -> str | None:
    cut = value if precision is None else value[:precision]
    if verb == "s":
        return cut
    if verb == "q":
        return go_quote(cut)
    if verb in "xX":
        digits = cut.encode("utf-8", "surrogateescape").hex()
        return digits if verb == "x" else digits.upper()
    return None


_FORMATS: dict[str, Callable[[str, int | None, Any], str | None]] = {
    "bool": _bool,
    "int": _int,
    "float": _float,
    "string": _string,
}
