"""How Go sees values: truth, printing, comparison, names of types."""

from __future__ import annotations

from rocker.parse.number import quote

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    _Dict = dict[str, Any]
else:
    _Dict = dict


class Fields(_Dict):
    """An object with fixed field names, where a map would give `<no value>` for a missing one."""

    __slots__ = ()


class Record(Fields):
    """An object of a Go type, which errors name."""

    __slots__ = ("go_type",)

    def __init__(self, go_type: str, fields: Mapping[str, Any]) -> None:
        super().__init__(fields)
        self.go_type = go_type


class Texts(dict[str, str]):
    """A map of strings: `index` gives the empty string for a missing key."""

    __slots__ = ()


class Late:
    """A field that is computed when it is asked for."""

    __slots__ = ("make",)

    def __init__(self, make: Callable[[], Any]) -> None:
        self.make = make


class NoValue:
    """What a map without the key gives."""

    __slots__ = ()


NO_VALUE = NoValue()


def is_true(value: Any) -> bool:
    """Whether Go's templates take it for true: not false, 0, nil or empty. Objects are always true."""
    if isinstance(value, Fields):
        return True
    return not isinstance(value, NoValue) and bool(value)


def type_name(value: Any) -> str:
    """The Go type JSON would decode to."""
    names = {
        bool: "bool",
        int: "int",
        float: "float64",
        str: "string",
        list: "[]interface {}",
        tuple: "[]interface {}",
    }
    if isinstance(value, Fields):
        return "struct"
    if isinstance(value, dict):
        return "map[string]interface {}"
    return names.get(type(value), "<nil>" if value is None else type(value).__name__)


def show(value: Any, *, top: bool = True) -> str:  # noqa: PLR0911 -- a kind of value each
    """As fmt.Print writes it; nothing at all is `<no value>` at the top and `<nil>` inside."""
    if value is None or isinstance(value, NoValue):
        return "<no value>" if top else "<nil>"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return show_float(value)
    if isinstance(value, Late):
        return show(value.make(), top=top)
    if isinstance(value, Fields):
        return "{" + " ".join(show(item, top=False) for item in value.values()) + "}"
    if isinstance(value, dict):
        return "map[" + " ".join(f"{key}:{show(value[key], top=False)}" for key in sorted(value)) + "]"
    if isinstance(value, list | tuple):
        return "[" + " ".join(show(item, top=False) for item in value) + "]"
    return str(value)


def show_float(value: float) -> str:
    """`%v` of a float64: shortest digits, an exponent below 1e-4 and from 1e21 on."""
    if value != value:  # noqa: PLR0124 -- NaN is the only such value
        return "NaN"
    if value in (float("inf"), float("-inf")):
        return "+Inf" if value > 0 else "-Inf"
    if value == 0:
        return "-0" if str(value)[0] == "-" else "0"
    mantissa, _, exponent = f"{value!r}".partition("e")
    magnitude = abs(value)
    if 1e-4 <= magnitude < 1e21:  # noqa: PLR2004 -- Go's turning points
        if not exponent:
            return mantissa.removesuffix(".0")
        digits = len(mantissa.partition(".")[2])
        return f"{value:.{max(0, digits - int(exponent))}f}"
    if not exponent:
        mantissa, _, exponent = f"{value:e}".partition("e")
        mantissa = mantissa.rstrip("0").rstrip(".")
    power = int(exponent)
    return f"{mantissa.removesuffix('.0')}e{'-' if power < 0 else '+'}{abs(power):02d}"


def basic_kind(value: Any) -> str | None:
    """The kind that `eq` and its like compare, or None."""
    for kind, types in (("bool", bool), ("int", int), ("float", float), ("string", str)):
        if isinstance(value, types):
            return kind
    return None


def go_quote(value: str) -> str:
    """`%q` of a string."""
    return quote(value)
