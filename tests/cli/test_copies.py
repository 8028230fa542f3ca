"""`rocker cp`, `diff`, `export` and `commit` on an engine that remembers what it was asked."""

from __future__ import annotations

import pytest

from rocker.cli.cp import split


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("web:/x", ("web", "/x")), ("web:", ("web", "")), ("web:a:b", ("web", "a:b")), ("/a:b", ("", "/a:b")),
        ("./a:b", ("", "./a:b")), ("../a:b", ("", "../a:b")), ("a", ("", "a")), ("-", ("", "-")), (":x", ("", "x")),
    ],
)  # fmt: skip
def test_a_container_and_its_path_are_told_from_the_hosts(text: str, parts: tuple[str, str]) -> None:
    assert split(text) == parts


def test_cp_hands_on_both_paths_and_says_nothing_unless_to_a_terminal(rocker, engine) -> None:
    engine.answers.update(copy_to=2048, copy_from=2048)
    result = rocker("cp", "-aL", "x", "web:/y")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "")
    assert rocker("cp", "web:/y", "x").exit_code == 0
    assert engine.calls == [
        ("copy_to", "web", ("x", "/y"), {"follow_link": True, "archive": True}),
        ("copy_from", "web", ("/y", "x"), {"follow_link": False, "archive": False}),
    ]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("web:/a", "db:/b"), "rocker: copying between containers is not supported"),
        (("a", "b"), "rocker: must specify at least one container source"),
        (("nosuch:/a", "b"), "rocker: No such container: nosuch"), (("", "web:/"), "source can not be empty"),
        (("web:/", ""), "destination can not be empty"),
    ],
)  # fmt: skip
def test_cp_refuses_what_has_no_container_or_two(
    rocker, engine, words: tuple[str, ...], message: str
) -> None:
    result = rocker("cp", *words)
    assert (result.exit_code, result.stderr.splitlines()[0]) == (1, message)
    assert engine.calls == []


def test_diff_prints_a_letter_and_a_path(rocker, engine) -> None:
    engine.answers["diff"] = [{"Path": "/a", "Kind": 0}, {"Path": "/b", "Kind": 1}, {"Path": "/c", "Kind": 2}]
    assert rocker("diff", "web").stdout == "C /a\nA /b\nD /c\n"


def test_commit_hands_on_what_was_said_and_prints_the_id(rocker, engine) -> None:
    engine.answers["commit"] = "sha256:1"
    words = ("-a", "me", "-m", "why", "-c", "CMD ls", "--change", "ENV a=b", "--pause=false", "web", "x:1")
    assert rocker("commit", *words).stdout == "sha256:1\n"
    options = {"author": "me", "message": "why", "changes": ["CMD ls", "ENV a=b"], "pause": False}
    assert engine.calls == [("commit", "web", ("x:1",), options)]
    rocker("container", "commit", "web")
    options = {"author": "", "message": "", "changes": [], "pause": True}
    assert engine.calls[-1] == ("commit", "web", (None,), options)


def test_export_makes_a_file_whole_or_not_at_all(rocker, engine, tmp_path) -> None:
    from rocker.errors import GoneError

    assert rocker("export", "-o", str(tmp_path / "x.tar"), "web").exit_code == 0
    assert [path.name for path in tmp_path.iterdir()] == ["x.tar"]
    engine.failures["export"] = GoneError("went away")
    assert rocker("export", "-o", str(tmp_path / "y.tar"), "web").exit_code == 1
    assert [path.name for path in tmp_path.iterdir()] == ["x.tar"]
    assert "invalid output path" in rocker("export", "-o", str(tmp_path / "no/y.tar"), "web").stderr
