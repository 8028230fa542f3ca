"""JSON by the C half alone, beside the standard library's."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rocker.models.jsontext import decode, encode

NUMBERS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False)
TEXTS = st.text(st.characters())  # lone surrogates too: they come from arguments that are no UTF-8
DOCUMENTS = st.recursive(
    NUMBERS | TEXTS,
    lambda inner: st.lists(inner) | st.lists(inner).map(tuple) | st.dictionaries(TEXTS, inner),
    max_leaves=30,
)


def outcome(read: Any, value: object) -> tuple[str, object]:
    """What a function returns, or what it says."""
    try:
        return "value", read(value)
    except Exception as error:
        return type(error).__name__, str(error)


def compact(document: object) -> str:
    return json.dumps(document, separators=(",", ":"))


@given(DOCUMENTS)
def test_a_document_is_written_and_read_as_the_standard_library_does(document: object) -> None:
    text = encode(document)
    assert text == compact(document)
    assert decode(text) == json.loads(text)


@given(st.dictionaries(NUMBERS | TEXTS, NUMBERS))
def test_keys_that_are_no_texts_become_texts_in_the_same_way(document: object) -> None:
    assert encode(document) == compact(document)


@given(st.text(st.sampled_from('{}[]":,\\ \n\t\ufeffu0tnfEe+-.1NaIy\0é')) | DOCUMENTS.map(json.dumps))
def test_a_text_is_read_or_refused_in_the_same_words(text: str) -> None:
    assert repr(outcome(decode, text)) == repr(outcome(json.loads, text))  # repr: NaN is not itself


@pytest.mark.parametrize(
    "text",
    [
        "",
        "  ",
        ' {"a": 1}\n',
        "[1] ",
        "[1]x",
        '{"a":1,"a":2}',
        '"\\ud800"',
        '"\n"',
        "NaN",
        "-Infinity",
        "[1,]",
    ],
)
def test_the_edges_of_a_text_are_those_of_the_standard_library(text: str) -> None:
    assert repr(outcome(decode, text)) == repr(outcome(json.loads, text))


def test_what_has_no_json_form_is_refused_in_the_standard_librarys_words() -> None:
    ring: list[object] = []
    ring.append(ring)
    for document in ({"a": b"bytes"}, {b"key": 1}, {1, 2}, object, ring):
        kind, words = outcome(encode, document)
        assert (kind, words) == outcome(compact, document)
        assert kind in {"TypeError", "ValueError"}
    assert outcome(encode, {"a": b""})[1] == "Object of type bytes is not JSON serializable"
    assert outcome(encode, ring)[1] == "Circular reference detected"


def test_numbers_that_are_not_finite_pass_through() -> None:
    assert encode([math.inf, -math.inf, math.nan]) == "[Infinity,-Infinity,NaN]"
    assert decode("[Infinity,-Infinity]") == [math.inf, -math.inf]
    assert math.isnan(decode("NaN"))


def test_nesting_too_deep_is_an_error_and_no_crash() -> None:
    assert outcome(decode, "[" * 200_000)[0] == "RecursionError"


def test_neither_way_loads_the_module_json() -> None:
    code = """
import sys
from rocker.models.jsontext import decode, encode
assert decode(encode({"a": [1, 2.5, None, "\\u00e9"]})) == {"a": [1, 2.5, None, "\\u00e9"]}
print("json" in sys.modules, "re" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False False\n"


def test_an_interpreter_without_the_c_half_does_it_with_json() -> None:
    code = """
import sys
sys.modules["_json"] = None
from rocker.models.jsontext import decode, encode
assert encode({"a": [1]}) == '{"a":[1]}'
print(decode(' {"a": [1]}'), "json" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "{'a': [1]} True\n"
