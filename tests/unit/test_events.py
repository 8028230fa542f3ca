"""Events without containers: their lines, and the filters by Docker's rules."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from engine_fake import FakeCore

from rocker.engine.emit import line
from rocker.engine.engine import Engine
from rocker.engine.events import Filter
from rocker.errors import InvalidArgumentError

if TYPE_CHECKING:
    from pathlib import Path

CONTAINER: Any = {
    "Type": "container", "Action": "die", "scope": "local",
    "Actor": {"ID": "abc123", "Attributes": {"name": "web", "image": "shop/front:1.2", "tier": "a"}},
}  # fmt: skip
IMAGE: Any = {
    "Type": "image", "Action": "tag", "scope": "local",
    "Actor": {"ID": "sha256:ff", "Attributes": {"name": "shop/front:1.2"}},
}  # fmt: skip
EXEC: Any = {**CONTAINER, "Action": "exec_start: ls -l"}


@pytest.mark.parametrize(
    ("filters", "container", "image"),
    [
        ({}, True, True),
        ({"type": "container"}, True, False),
        ({"type": ["container", "image"]}, True, True),
        ({"event": "die"}, True, False),
        ({"event": ["tag", "die"], "type": "image"}, False, True),
        ({"container": "we"}, True, False),
        ({"container": "abc"}, True, False),
        ({"container": "eb"}, False, False),
        ({"image": "shop/front:1.2"}, True, True),
        ({"image": "shop/front"}, True, True),
        ({"image": "shop"}, False, False),
        ({"image": "sha256:ff"}, False, True),
        ({"label": "tier"}, True, False),
        ({"label": "tier=a"}, True, False),
        ({"label": ["tier=a", "name=web"]}, True, False),
        ({"label": ["tier=b"]}, False, False),
        ({"scope": "local"}, True, True),
        ({"scope": "swarm"}, False, False),
        ({"network": "n"}, False, False),
    ],
)
def test_filters_choose_as_docker_does(filters: dict[str, Any], container: bool, image: bool) -> None:
    test = Filter(filters)
    assert (test.accepts(CONTAINER), test.accepts(IMAGE)) == (container, image)


def test_an_action_with_detail_is_found_by_its_name_alone() -> None:
    assert Filter({"event": "exec_start"}).accepts(EXEC)
    assert Filter({"event": "exec_start: ls -l"}).accepts(EXEC)
    assert not Filter({"event": "exec"}).accepts(EXEC)
    assert not Filter({"event": "exec_create"}).accepts(EXEC)


def test_an_unknown_filter_is_refused_with_what_may_be_meant() -> None:
    with pytest.raises(InvalidArgumentError, match="invalid filter 'contaner'") as caught:
        Filter({"contaner": "x"})
    assert "container" in (caught.value.hint or "")


def test_a_line_has_dockers_members_in_dockers_order() -> None:
    text = line("container", "create", "ab", {"name": "w", "image": "i", "a": "ü"}, 1_700_000_000_000_000_005)
    assert text == (
        b'{"status":"create","id":"ab","from":"i","Type":"container","Action":"create","Actor":{"ID":"ab","Attributes":'
        b'{"a":"\\u00fc","image":"i","name":"w"}},"scope":"local","time":1700000000,"timeNano":1700000000000000005}\n'
    )
    volume = json.loads(line("volume", "create", "v", {"driver": "local"}, 0))
    assert list(volume) == ["Type", "Action", "Actor", "scope", "time", "timeNano"]


def test_times_bound_what_is_given_and_a_torn_line_is_passed_over(tmp_path: Path) -> None:
    core = FakeCore()
    engine = Engine(str(tmp_path / "d"), str(tmp_path / "r"), core=core)  # type: ignore[arg-type]
    core.events = [{**CONTAINER, "time": second, "timeNano": second * 10**9} for second in (1, 2, 3)]
    core.events.insert(1, {"torn": True})
    found = engine.events(since="2", until="3", follow=False)
    assert [event["time"] for event in found] == [2, 3]
    engine.close()
