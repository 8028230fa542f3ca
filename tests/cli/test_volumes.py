"""`rocker volume …` on an engine that remembers what it was asked."""

from __future__ import annotations

import json

import pytest


def test_create_hands_on_what_was_said_and_prints_the_name(rocker, engine) -> None:
    result = rocker(
        "volume",
        "create",
        "-o",
        "type=tmpfs",
        "--opt",
        "device=tmpfs",
        "--label",
        "a=b",
        "--label",
        "c",
        "v1",
    )
    assert (result.exit_code, result.stdout) == (0, "v1\n")
    options = {
        "driver": "local",
        "options": {"type": "tmpfs", "device": "tmpfs"},
        "labels": {"a": "b", "c": ""},
    }
    assert engine.calls == [("create", "volumes", ("v1",), options)]
    assert rocker("volume", "create").stdout == "f" * 64 + "\n"


def test_ls_shows_a_table_names_json_or_a_template(rocker, engine) -> None:
    assert rocker("volume", "ls").stdout == "DRIVER    VOLUME NAME\nlocal     data\n"
    assert (
        rocker("volume", "list", "-q", "-f", "dangling=true", "-f", "label=a", "-f", "label=b").stdout
        == "data\n"
    )
    assert engine.calls[-1] == (
        "list",
        "volumes",
        (),
        {"filters": {"dangling": ["true"], "label": ["a", "b"]}},
    )
    assert (
        rocker("volume", "ls", "--format", '{{.Name}} {{.Labels}} {{.Label "a"}} {{.Size}}').stdout
        == "data a=1,b= 1 N/A\n"
    )
    assert json.loads(rocker("volume", "ls", "--format", "json").stdout) == {
        "Availability": "N/A", "Driver": "local", "Group": "N/A", "Labels": "a=1,b=", "Links": "N/A",
        "Mountpoint": "/volumes/data/_data", "Name": "data", "Scope": "local", "Size": "N/A", "Status": "N/A",
    }  # fmt: skip


def test_inspect_prints_an_array_and_names_what_is_missing(rocker) -> None:
    result = rocker("volume", "inspect", "data", "nosuch")
    assert result.exit_code == 1
    assert json.loads(result.stdout)[0]["Name"] == "data"
    assert result.stderr == "rocker: get nosuch: no such volume\n"
    assert (
        rocker("inspect", "--type", "volume", "-f", "{{.Mountpoint}}", "data").stdout
        == "/volumes/data/_data\n"
    )


@pytest.mark.parametrize(("answer", "pruned"), [("y\n", True), ("Y\n", True), ("n\n", False), ("", False)])
def test_prune_asks_first(rocker, engine, monkeypatch, answer: str, pruned: bool) -> None:
    import io

    monkeypatch.setattr("sys.stdin", io.StringIO(answer))
    result = rocker("volume", "prune")
    question = (
        "WARNING! This will remove anonymous local volumes not used by at least one container.\n"
        "Are you sure you want to continue? [y/N] "
    )
    told = "Deleted Volumes:\ndata\n\nTotal reclaimed space: 12.35MB\n"
    assert (result.exit_code, result.stdout) == (0, question + (told if pruned else ""))
    assert engine.calls == ([("prune", "volumes", (), {"all": False, "filters": {}})] if pruned else [])


def test_prune_does_not_ask_when_forced(rocker, engine) -> None:
    result = rocker("volume", "prune", "-af", "--filter", "label!=x")
    assert result.stdout == "Deleted Volumes:\ndata\n\nTotal reclaimed space: 12.35MB\n"
    assert engine.calls == [("prune", "volumes", (), {"all": True, "filters": {"label!": ["x"]}})]
