"""JSON texts by the C half of the standard library alone: `json` imports `re` and `enum`, 4 ms of a cold start.

    encode({"op": "wait"})         as json.dumps(…, separators=(",", ":"))
    decode('{"op":"wait"}')        as json.loads(…)

Whatever the C half does not take by itself, errors above all, goes to `json`, so that its answer is the answer.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class _Strict:
    """What `_json.make_scanner` asks of a decoder: the standard one's settings."""

    strict = True
    object_hook = None
    object_pairs_hook = None
    parse_float = float
    parse_int = int
    parse_constant = float
    """Of `NaN`, `Infinity` and `-Infinity`."""


_chunks: Any
_scan: Any
try:
    import _json

    # markers, default, encoder, indent, key separator, item separator, sort_keys, skipkeys, allow_nan
    _chunks = _json.make_encoder(
        None,
        None,  # type: ignore[arg-type]
        _json.encode_basestring_ascii,
        None,
        ":",
        ",",
        False,
        False,
        True,
    )
    _scan = _json.make_scanner(_Strict)  # type: ignore[arg-type]
except (ImportError, AttributeError, TypeError):  # an interpreter whose `json` has no such half, or another
    _chunks = _scan = None


def encode(document: object) -> str:
    """Write a document of dictionaries, lists, tuples, texts, numbers, truth values and None, in ASCII, without blanks.

    Raises:
        TypeError: something in it has no JSON form. ValueError: it contains itself.
    """
    if _chunks is not None:
        try:
            return "".join(_chunks(document, 0))
        except Exception:  # noqa: BLE001, S110 -- `json` says what is wrong
            pass
    import json

    return json.dumps(document, separators=(",", ":"))


def decode(text: str) -> Any:
    """Read a JSON text.

    Raises:
        json.JSONDecodeError: it is none; a ValueError. RecursionError: it is nested too deep.
    """
    if _scan is not None:
        try:
            found, end = _scan(text, 0)
        except Exception:  # noqa: BLE001 -- StopIteration too: `json` says what is wrong, or skips blanks
            end = -1
        if end == len(text):
            return found
    import json

    return json.loads(text)
