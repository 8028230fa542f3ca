"""`--change`: instructions read as Docker reads them."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rocker.errors import InvalidArgumentError
from rocker.images.change import apply_changes


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ('CMD ["/bin/busybox", "sh"]', {"Cmd": ["/bin/busybox", "sh"]}),
        ('CMD echo hi "x"', {"Cmd": ["/bin/sh", "-c", 'echo hi "x"']}),
        ("CMD", {"Cmd": None}),
        ("cmd [not json", {"Cmd": ["/bin/sh", "-c", "[not json"]}),
        ('ENTRYPOINT ["/init"]', {"Entrypoint": ["/init"]}),
        ("ENTRYPOINT []", {"Entrypoint": None}),
        ('ENV A=b C="d e"', {"Env": ["A=b", "C=d e"]}),
        ("ENV A b c", {"Env": ["A=b c"]}),
        (
            "EXPOSE 80 53/udp 90-91",
            {"ExposedPorts": {"80/tcp": {}, "53/udp": {}, "90/tcp": {}, "91/tcp": {}}},
        ),
        ('LABEL x=y "z z"="w"', {"Labels": {"x": "y", "z z": "w"}}),
        ("USER u:g", {"User": "u:g"}),
        ('VOLUME ["/v", "/w"]', {"Volumes": {"/v": {}, "/w": {}}}),
        ("VOLUME /v /w", {"Volumes": {"/v": {}, "/w": {}}}),
        ("WORKDIR w/../x", {"WorkingDir": "/x"}),
        ("STOPSIGNAL SIGINT", {"StopSignal": "SIGINT"}),
        ("ONBUILD RUN x", {"OnBuild": ["RUN x"]}),
        (
            "HEALTHCHECK --interval=5s --retries=3 CMD true",
            {"Healthcheck": {"Test": ["CMD-SHELL", "true"], "Interval": 5_000_000_000, "Retries": 3}},
        ),
        ('HEALTHCHECK CMD ["a", "b"]', {"Healthcheck": {"Test": ["CMD", "a", "b"]}}),
        ("HEALTHCHECK NONE", {"Healthcheck": {"Test": ["NONE"]}}),
    ],
)
def test_an_instruction_changes_the_configuration(change: str, expected: dict[str, Any]) -> None:
    assert apply_changes({}, [change]) == expected


def test_instructions_build_on_each_other() -> None:
    before = {"Env": ["A=1", "B=2"], "Labels": {"x": "1"}, "WorkingDir": "/w"}
    after = apply_changes(before, ["ENV A=3", "LABEL y=2", "WORKDIR r", "ONBUILD RUN a", "ONBUILD RUN b"])
    assert after == {
        "Env": ["A=3", "B=2"],
        "Labels": {"x": "1", "y": "2"},
        "WorkingDir": "/w/r",
        "OnBuild": ["RUN a", "RUN b"],
    }
    assert before["Env"] == ["A=1", "B=2"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("FOO x", "foo is not a valid change command"),
        ("ENV x", "ENV must have two arguments"),
        ("EXPOSE x", "Invalid containerPort: x"),
        ("EXPOSE 80/http", "Invalid proto: http"),
        ("WORKDIR", "WORKDIR requires exactly one argument"),
        ("ENV A=1 B", "Syntax error - can't find = in 'B'. Must be of the form: name=value"),
        ("STOPSIGNAL BLA", "Invalid signal: BLA"),
        ("ONBUILD ONBUILD RUN x", "Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed"),
        ("HEALTHCHECK --interval=5 CMD x", "invalid duration '5' for --interval"),
        ("HEALTHCHECK --speed=5 CMD x", "Unknown flag: speed"),
        ("HEALTHCHECK CMD", "Missing command after HEALTHCHECK CMD"),
    ],
)
def test_a_wrong_instruction_is_refused(change: str, message: str) -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        apply_changes({}, [change])
    assert str(caught.value) == message


_WORDS = st.sampled_from(
    ["CMD", "ENTRYPOINT", "ENV", "EXPOSE", "HEALTHCHECK", "LABEL", "ONBUILD", "USER", "VOLUME"]
)


@given(_WORDS, st.text(max_size=30))
def test_any_text_is_read_or_refused(word: str, text: str) -> None:
    with suppress(InvalidArgumentError):
        apply_changes({}, [f"{word} {text}"])
