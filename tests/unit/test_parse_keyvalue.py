# ruff: noqa: RUF043 -- one case a line; properties say "right or refused"
from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rocker.errors import InvalidArgumentError
from rocker.parse.keyvalue import parse_env, parse_label, parse_lines, read_file, to_dict

CALLER = {"HOME": "/root", "EMPTY": ""}.get
NAMES = st.text(st.characters(codec="utf-8", categories=("L", "N")), min_size=1)
VALUES = st.text(st.characters(codec="utf-8", exclude_characters="\r\n"))


def test_a_file_has_pairs_comments_and_names_of_the_caller(tmp_path) -> None:
    path = tmp_path / "env"
    path.write_bytes(b"\xef\xbb\xbfA=1\n# no\n\n  B = 'x' # y \r\nHOME\nGONE\nEMPTY\nC=\nD=a=b\n")
    with pytest.raises(InvalidArgumentError) as caught:
        read_file(str(path), CALLER)
    assert (
        str(caught.value)
        == f"poorly formatted environment: variable 'B ' contains whitespaces ({path}, line 4)"
    )
    path.write_bytes(b"\xef\xbb\xbfA=1\n# no\n\n  B= 'x' # y \r\nHOME\nGONE\nEMPTY\nC=\nD=a=b\n")
    assert read_file(str(path), CALLER) == ["A=1", "B= 'x' # y ", "HOME=/root", "EMPTY=", "C=", "D=a=b"]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"A=1\n=x\n", "no variable name on line '=x' (f, line 2)"),
        (b"a b=1\n", "variable 'a b' contains whitespaces (f, line 1)"),
        (b"A=1\nB=\xff\n", "invalid utf8 bytes (f, line 2)"),
    ],
)
def test_a_wrong_line_is_named_with_file_and_number(data: bytes, reason: str) -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        parse_lines(data, "f")
    assert str(caught.value) == f"poorly formatted environment: {reason}"


def test_a_missing_file_is_named() -> None:
    with pytest.raises(InvalidArgumentError, match="^open /no/file: no such file or directory$"):
        read_file("/no/file")


def test_a_label_without_a_value_is_empty() -> None:
    assert parse_lines(b"a\nb=1\n", "f") == ["a=", "b=1"]


@given(st.lists(st.tuples(NAMES, VALUES)))
def test_every_pair_written_is_read_unchanged(pairs: list[tuple[str, str]]) -> None:
    data = "\n".join(f"{name}={value}" for name, value in pairs)
    assert parse_lines(data.encode(), "f") == [f"{name}={value}" for name, value in pairs]


@given(st.binary())
def test_any_bytes_are_pairs_or_refused(data: bytes) -> None:
    try:
        assert all("=" in pair and pair[0] != "=" for pair in parse_lines(data, "f"))
    except InvalidArgumentError as error:
        assert "line" in str(error)


def test_pairs_need_a_name() -> None:
    assert (parse_env("A"), parse_label("a=b")) == ("A", "a=b")
    with pytest.raises(InvalidArgumentError, match="^invalid environment variable: =x$"):
        parse_env("=x")
    with pytest.raises(InvalidArgumentError, match="^invalid label '=x': empty name$"):
        parse_label("=x")


def test_the_last_of_equal_names_wins() -> None:
    assert to_dict(["a=1", "b", "a=2=3"]) == {"a": "2=3", "b": ""}
