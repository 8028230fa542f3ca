"""`.dockerignore` and wildcards."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rocker.images.builder.errors import DockerfileError
from rocker.images.builder.ignore import ignore_files, read_ignore
from rocker.images.builder.paths import clean, target, workdir
from rocker.images.builder.patterns import PatternMatcher
from rocker.images.builder.wildcard import has_wildcard, match


@pytest.mark.parametrize(
    ("pattern", "matching", "others"),
    [
        ("a", ["a"], ["b", "a/b", "aa"]),
        ("*.go", ["x.go", ".go"], ["d/x.go", "x.c"]),
        ("*/x?", ["d/xy"], ["d/x", "xy", "d/e/xy", "d/x/"]),
        ("[a-c]d", ["ad", "cd"], ["dd", "d"]),
        ("[^a-c]d", ["dd", "éd"], ["ad"]),
        ("[\\]x]", ["]", "x"], ["y"]),
        ("\\*", ["*"], ["a"]),
        ("é?", ["éé"], ["é"]),
        ("*a*b/c", ["aab/c", "xaybb/c"], ["a/b/c", "ab/d"]),
        ("", [""], ["a"]),
    ],
)
def test_wildcards_match_as_gos_filepath_does(pattern: str, matching: list[str], others: list[str]) -> None:
    assert [name for name in matching if not match(pattern, name)] == []
    assert [name for name in others if match(pattern, name)] == []


@pytest.mark.parametrize("pattern", ["[", "[]", "[a", "[a-]", "[a-", "[-a]", "a\\", "[^]"])
def test_what_is_no_pattern_is_refused(pattern: str) -> None:
    with pytest.raises(DockerfileError, match="syntax error in pattern"):
        match(pattern, "x")
    with pytest.raises(DockerfileError, match="syntax error in pattern"):
        PatternMatcher([pattern])


def test_a_path_has_wildcards_unless_they_are_escaped() -> None:
    assert [has_wildcard(path) for path in ("a*", "a?", "[a", "a\\*", "a\\\\*", "a]")] == [
        True, True, True, False, True, False,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("patterns", "matching", "others"),
    [
        (["a"], ["a", "a/b", "a/b/c"], ["b", "b/a", "aa"]),
        (["a/"], ["a", "a/b"], ["b"]),
        (["/a"], [], ["a"]),
        (["*/a"], ["x/a", "x/a/y"], ["a", "x/y/a"]),
        (["**/a"], ["a", "x/a", "x/y/a", "x/a/z"], ["ab", "x/ba"]),
        (["a/**"], ["a/b", "a/b/c"], ["a", "b"]),
        (["a/**/b"], ["a/b", "a/x/b", "a/x/y/b"], ["a", "b", "ab"]),
        (["**/*.go"], ["x.go", "a/x.go"], ["x.c"]),
        (["**"], ["a", "a/b", "."], []),
        (["*", "!a"], ["b", "b/a"], ["a", "a/b"]),
        (["*", "!a", "a/b"], ["b", "a/b", "a/b/c"], ["a", "a/c"]),
        (["a", "!a/b"], ["a", "a/c"], ["a/b", "a/b/c"]),
        (["!a", "a"], ["a"], ["b"]),
        (["  a  ", "", "#x"], ["a", "#x"], ["b"]),
        (["a.b", "c+"], ["a.b", "c+"], ["axb", "cc"]),
        (["[*]", "\\d"], ["*", "d"], ["a", "1"]),
    ],
)
def test_the_last_pattern_that_matches_a_path_or_one_above_it_decides(
    patterns: list[str], matching: list[str], others: list[str]
) -> None:
    matcher = PatternMatcher(patterns)
    assert [path for path in matching if not matcher.matches(path)] == []
    assert [path for path in others if matcher.matches(path)] == []


def test_a_pattern_that_takes_nothing_back_is_refused() -> None:
    with pytest.raises(DockerfileError, match='illegal exclusion pattern: "!"'):
        PatternMatcher(["!"])


_PATHS = st.lists(st.sampled_from(["a", "b", "ab", "x.go"]), min_size=1, max_size=4).map("/".join)
_GLOBS = st.lists(st.sampled_from(["a", "b", "*", "**", "/", "?", "[ab]", "!", ".", "x.go"]), max_size=6).map(
    "".join
)


@given(st.lists(_GLOBS, max_size=4), _PATHS)
def test_the_way_down_a_tree_gives_the_same_answers(patterns: list[str], path: str) -> None:
    try:
        matcher = PatternMatcher(patterns)
    except DockerfileError:
        return
    parent: object = ()
    parts = path.split("/")
    for count in range(len(parts)):
        above = "/".join(parts[: count + 1])
        matched, parent = matcher.matches_below(above, parent)  # type: ignore[arg-type]
        assert matched == matcher.matches(above)


@given(st.text(max_size=30), st.text(max_size=30))
def test_any_pattern_matches_or_is_refused(pattern: str, path: str) -> None:
    with suppress(DockerfileError):
        match(pattern, path)
    with suppress(DockerfileError):
        PatternMatcher([pattern]).matches(path)


def test_an_ignore_file_is_read_line_by_line() -> None:
    text = "\ufeff# comment\n\n /a/b/ \r\n! /c\n  # no comment\n./d/../e\n/\n!\n"
    assert read_ignore(text) == ["a/b", "!c", "# no comment", "e", "/", "!"]
    assert read_ignore(b"\xe9") == ["\udce9"]


def test_a_dockerfile_may_have_an_ignore_file_of_its_own() -> None:
    assert ignore_files("build/app.Dockerfile") == ("build/app.Dockerfile.dockerignore", ".dockerignore")


def test_paths_are_shortened_and_joined_as_gos() -> None:
    assert [clean(path) for path in ("", "a//b/./c/..", "/..", "//a", "../a/")] == [
        ".",
        "a/b",
        "/",
        "/a",
        "../a",
    ]
    assert [workdir("/w", path) for path in ("/a/", "b", "../c", "")] == ["/a/", "/w/b", "/c", "/w"]
    assert [target("/w", path) for path in ("a", "a/", ".", "", "/b/", "c/.")] == [
        "/w/a", "/w/a/", "/w/", "/w/", "/b/", "/w/c/.",
    ]  # fmt: skip
