"""Stages: what each is made from, and which a target needs."""

from __future__ import annotations

import pytest

from rocker.images.builder.dockerfile import parse
from rocker.images.builder.errors import DockerfileError
from rocker.images.builder.graph import StageGraph
from rocker.images.builder.instructions import Copy, Run
from rocker.images.builder.platform import Platform
from rocker.images.builder.scope import Arguments


def graph(text: str, target: str = "", *, contexts: tuple[str, ...] = (), **build_args: str) -> StageGraph:
    dockerfile = parse(text)
    arguments = Arguments(dockerfile, build_args=build_args, platform=Platform("linux", "amd64"))
    return StageGraph(dockerfile, arguments, target, contexts=contexts)


def needed(text: str, target: str = "", **build_args: str) -> list[str]:
    return [node.stage.label for node in graph(text, target, contexts=(), **build_args).needed()]


STAGES = """
ARG BASE=alpine
FROM $BASE AS one
FROM one AS Two
RUN x
FROM scratch
COPY --from=one /a /b
FROM busybox AS four
COPY --from=2 /b /c
RUN --mount=type=bind,from=TWO,target=/m --mount=type=bind,from=image:1,target=/n true
FROM debian AS unused
COPY --from=alpine /x /y
"""


@pytest.mark.parametrize(
    ("target", "stages"),
    [
        ("", ["unused"]),
        ("unused", ["unused"]),
        ("one", ["one"]),
        ("TWO", ["one", "two"]),
        ("2", ["one", "stage-2"]),
        ("four", ["one", "two", "stage-2", "four"]),
    ],
)
def test_only_the_stages_that_a_target_needs_are_built(target: str, stages: list[str]) -> None:
    assert needed(STAGES, target) == stages


def test_a_base_may_be_chosen_by_an_argument() -> None:
    text = "ARG KIND=a\nFROM x AS a\nFROM y AS b\nFROM $KIND"
    assert needed(text) == ["a", "stage-2"]
    assert needed(text, KIND="b") == ["b", "stage-2"]
    assert graph(text, KIND="other").nodes[2].image == "other"


def test_what_an_instruction_takes_files_from_is_known() -> None:
    needs = graph(STAGES).nodes[3].needs
    assert [(type(need.instruction), need.name, need.node and need.node.stage.label) for need in needs] == [
        (Copy, "2", "stage-2"),
        (Run, "TWO", "two"),
        (Run, "image:1", None),
    ]


def test_a_name_means_the_last_stage_before_that_has_it() -> None:
    text = "FROM x AS a\nFROM a AS a\nFROM a AS b"
    found = graph(text).nodes
    assert [node.base and node.base.stage.index for node in found] == [None, 0, 1]


def test_a_named_context_stands_in_for_a_stage() -> None:
    text = "FROM x AS base\nFROM base AS lib\nCOPY --from=base a b\nFROM y\nCOPY --from=lib c d"
    found = graph(text, contexts=("lib",))
    assert [node.stage.label for node in found.needed()] == ["lib", "stage-2"]
    assert [node.context for node in found.nodes] == [False, True, False]


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("FROM $NOTHING", 1, "base name ($NOTHING) should not be blank"),
        ("FROM ${A", 1, 'failed to process "${A": syntax error: missing \'}\''),
        ("FROM --platform=$TARGETPLATFROM x", 1,
         "empty platform value from expression $TARGETPLATFROM (did you mean TARGETPLATFORM?)"),
        ("FROM --platform=what x", 1,
         'failed to parse platform what: "what": unknown operating system or architecture: invalid argument'),
        ("FROM x\nCOPY --from=1 a b", 2, "invalid stage index 1"),
        ("FROM x\nCOPY --from=-1 a b", 2, "invalid stage index -1"),
        ("FROM x\nCOPY --from=$A a b", 2,
         ("variable expansion is not supported for --from, "
          "define a new stage with FROM using ARG from global scope as a workaround")),
        ("FROM x AS a\nCOPY --from=a b c", 2, "circular dependency detected on stage: a"),
        ("FROM x AS a\nCOPY --from=b c d\nFROM y AS b\nCOPY --from=a c d", 2,
         "circular dependency detected on stage: a"),
        ("FROM x AS a\nRUN --mount=from=0,target=/x y\nRUN --mount=from=a,target=/x y", 3,
         "circular dependency detected on stage: a"),
        ("FROM x\nCOPY --from=b c d\nFROM y AS b\nFROM scratch\nCOPY --from=0 c d", 2,
         'cannot copy from stage "b", it needs to be defined before current stage "stage-0"'),
        ("FROM x AS a\nRUN --mount=from=b,target=/c d\nFROM a AS b", 2,
         'cannot mount from stage "b", stage needs to be defined before current command'),
    ],
)  # fmt: skip
def test_stages_that_cannot_be_are_refused_with_their_line(text: str, line: int, reason: str) -> None:
    with pytest.raises(DockerfileError) as caught:
        graph(text).needed()
    assert (caught.value.start, caught.value.reason) == (line, reason)


def test_a_target_that_there_is_not_is_refused_with_what_may_have_been_meant() -> None:
    with pytest.raises(DockerfileError) as caught:
        graph(STAGES, "for")
    assert caught.value.reason == 'target stage "for" could not be found (did you mean four?)'


def test_stages_that_nothing_needs_may_need_what_comes_later() -> None:
    assert needed("FROM x AS a\nCOPY --from=b c d\nFROM y AS b", "b") == ["b"]


def test_names_that_are_no_images_are_refused_even_where_nothing_needs_them() -> None:
    for text in ("FROM Upper\nFROM x", "FROM x\nCOPY --from=Upper a b"):
        with pytest.raises(DockerfileError, match="failed to parse stage name"):
            graph(text).check_images()


def test_triggers_of_the_base_come_first_and_may_need_more() -> None:
    text = "FROM x AS extra\nFROM y AS base\nONBUILD COPY --from=extra a b\nFROM base AS last\nRUN c"
    found = graph(text)
    assert [node.stage.label for node in found.needed()] == ["base", "last"]
    assert found.trigger(found.target, ["RUN from-image"])
    assert [node.stage.label for node in found.needed()] == ["extra", "base", "last"]
    assert [one.origin.text for one in found.target.instructions] == [
        "RUN from-image",
        "COPY --from=extra a b",
        "RUN c",
    ]
    assert not found.trigger(found.nodes[0])


def test_a_trigger_that_leads_back_is_refused() -> None:
    found = graph("FROM x AS base\nONBUILD COPY --from=last a b\nFROM base AS last")
    with pytest.raises(DockerfileError, match="circular dependency detected on stage: last"):
        found.trigger(found.target)


def test_a_thousand_stages_are_no_problem() -> None:
    lines = ["FROM x AS s0"]
    for number in range(1, 3000):
        lines += [f"FROM s{number - 1} AS s{number}", f"COPY --from=s{number // 2} a b"]
    assert len(graph("\n".join(lines)).needed()) == 3000
