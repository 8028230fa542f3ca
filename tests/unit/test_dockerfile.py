"""Dockerfiles: lines, instructions, and what is said of wrong ones."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rocker.errors import InvalidArgumentError
from rocker.images.builder import instructions as typed
from rocker.images.builder.command import execution
from rocker.images.builder.dockerfile import Dockerfile, parse, parse_trigger
from rocker.images.builder.errors import DockerfileError
from rocker.images.builder.lines import KEYWORDS, read_lines
from rocker.images.builder.report import excerpt
from rocker.images.builder.run_mount import Mount, mount_target, parse_mount

CORPUS = sorted((Path(__file__).parent / "dockerfiles").glob("*.Dockerfile"))


def instruction(text: str) -> typed.Instruction:
    """The one instruction of a stage."""
    found = parse(f"FROM x\n{text}").stages[0].instructions
    assert len(found) == 1
    return found[0]


def refusal(text: str) -> DockerfileError:
    with pytest.raises(DockerfileError) as caught:
        parse(text)
    return caught.value


def mount(text: str, **values: str) -> Mount:
    def word(text: str) -> str:
        for name, value in values.items():
            text = text.replace(f"${name}", value)
        return text

    return parse_mount(text, word)


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("", 0, "the Dockerfile cannot be empty"),
        ("\n# nothing\n", 2, "file with no instructions"),
        ("ARG A", 0, "dockerfile contains no stages to build"),
        ("RUN x\nFROM y", 1, "no build stage in current context"),
        ("FROM x\nRUM y", 2, "unknown instruction: RUM (did you mean RUN?)"),
        ("FROM x\n\ncoyp a b", 3, "unknown instruction: coyp (did you mean copy?)"),
        ("FROM x\nHELLO WORLD", 2, "unknown instruction: HELLO (did you mean SHELL?)"),
        ("FROM x\nCOMPILE", 2, "unknown instruction: COMPILE"),
        ("FROM", 1, "FROM requires either one or three arguments"),
        ("FROM a b", 1, "FROM requires either one or three arguments"),
        ("FROM x AS 1a", 1, 'invalid name for build stage: "1a", name can\'t start with a number or contain symbols'),
        ("FROM --platfrom=x y", 1, "unknown flag: --platfrom (did you mean platform?)"),
        ("FROM --platform x", 1, "missing a value on flag: --platform"),
        ("FROM x\nENV", 2, "ENV requires at least one argument"),
        ("FROM x\nENV a", 2, "ENV must have two arguments"),
        ("FROM x\nENV a=b c", 2, 'Syntax error - can\'t find = in "c". Must be of the form: name=value'),
        ("FROM x\nLABEL =b", 2, "LABEL names can not be blank"),
        ("FROM x\nARG =b", 2, "ARG names can not be blank"),
        ("FROM x\nCOPY a", 2, ("COPY requires at least two arguments, but only one was provided. "
          "Destination could not be determined")),
        ("FROM x\nADD a <<EOF\nEOF", 2, "ADD cannot accept a heredoc as a destination"),
        ("FROM x\nCOPY --link=maybe a b", 2, "expecting boolean value for flag --link, not: maybe"),
        ("FROM x\nCOPY --link= a b", 2, "missing a value on flag: --link"),
        ("FROM x\nCOPY --from=a --from=b c d", 2, "duplicate flag specified: --from"),
        ("FROM x\nCOPY --checksum=a c d", 2, "unknown flag: --checksum"),
        ("FROM x\nRUN <<EOF\nhello", 2, "unterminated heredoc"),
        ("FROM x\nRUN [1]", 2, "when using JSON array syntax, arrays must be comprised of strings only"),
        ("FROM x\nRUN --network=some x", 2, 'invalid network mode "some"'),
        ("FROM x\nRUN --security=none x", 2, 'security "none" is not valid'),
        ("FROM x\nRUN --mount=from=$a,target=/x y", 2,
         "'from' doesn't support variable expansion, define alias stage instead"),
        ('FROM x\nRUN --mount=a\\"b y', 2, ('failed to parse csv mounts: parse error on line 1, column 2: '
          'bare " in non-quoted-field')),
        ("FROM x\nRUN --device=a,b=c y", 2, "unexpected key 'b' in 'b=c'"),
        ("FROM x\nSHELL /bin/sh", 2, "SHELL requires the arguments to be in JSON form"),
        ('FROM x\nVOLUME [""]', 2, "VOLUME specified can not be an empty string"),
        ("FROM x\nHEALTHCHECK NONE x", 2, "HEALTHCHECK NONE takes no arguments"),
        ("FROM x\nHEALTHCHECK CMD", 2, "Missing command after HEALTHCHECK CMD"),
        ("FROM x\nHEALTHCHECK TEST x", 2, 'Unknown type "TEST" in HEALTHCHECK (try CMD)'),
        ("FROM x\nHEALTHCHECK --interval=5 CMD x", 2, 'time: missing unit in duration "5"'),
        ("FROM x\nHEALTHCHECK --timeout=1us CMD x", 2, 'Interval "timeout" cannot be less than 1ms'),
        ("FROM x\nHEALTHCHECK --retries=-1 CMD x", 2, "--retries cannot be negative (-1)"),
        ("FROM x\nONBUILD ONBUILD RUN x", 2, "Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed"),
        ("FROM x\nONBUILD FROM y", 2, "FROM isn't allowed as an ONBUILD trigger"),
        ("# escape=x\nFROM x", 1, "invalid escape token 'x' does not match ` or \\"),
        ("# escape=`\n# escape=`\nFROM x", 2, "only one escape parser directive can be used"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_in_buildkits_words_with_its_line(text: str, line: int, reason: str) -> None:
    error = refusal(text)
    assert (error.start, error.reason) == (line, reason)
    assert str(error) == (f"dockerfile parse error on line {line}: {reason}" if line else reason)
    assert isinstance(error, InvalidArgumentError)


def test_an_error_has_the_lines_and_the_text_of_its_instruction() -> None:
    error = refusal("FROM x\nRUN --bad \\\n  # comment\n  a\n")
    assert (error.start, error.end, error.text) == (2, 4, "RUN --bad   a")


def test_what_may_be_wrong_only_with_values_is_not_refused_before() -> None:
    run = instruction("RUN --mount=type=$t,nonsense=1 --mount=whatever x")
    assert isinstance(run, typed.Run)
    assert run.mounts == ("type=$t,nonsense=1", "whatever")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("type=bind,source=a,target=/b", Mount(source="a", target="/b", readonly=True)),
        ("dst=/b,rw", Mount(target="/b")),
        ("destination=/b,readwrite=false,from=s", Mount(stage="s", target="/b", readonly=True)),
        ("type=$t,target=/b,ID=x,sharing=LOCKED,uid=1,gid=2,mode=0755",
         Mount("cache", target="/b", id="x", sharing="locked", uid=1, gid=2, mode=0o755)),
        ("type=cache,target=/b,ro=1", Mount("cache", target="/b", readonly=True)),
        ("type=tmpfs,target=/b,size=10m", Mount("tmpfs", target="/b", size=10 << 20)),
        ("type=secret,id=x,required,env=Y", Mount("secret", id="x", required=True, env="Y", readonly=True)),
        ("type=ssh,required=true", Mount("ssh", required=True, readonly=True)),
    ],
)  # fmt: skip
def test_a_mount_of_run_is_read(text: str, expected: Mount) -> None:
    assert mount(text, t="cache") == expected


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("type=bnd", 'unsupported mount type "bnd" (did you mean bind?)'),
        ("type=cache,sharing=lock", 'unsupported sharing value "lock" (did you mean locked?)'),
        ("type=bind,sharing=shared", "invalid cache sharing set for bind mount"),
        ("tpye=bind", "unexpected key 'tpye' in 'tpye=bind' (did you mean type?)"),
        ("target", "invalid field 'target' must be a key=value pair"),
        ("required", "unexpected key 'required' for mount type 'bind'"),
        ("size=1", "unexpected key 'size' for mount type 'bind'"),
        ("type=tmpfs,size=x", "invalid value for size: x"),
        ("ro=maybe", "invalid value for ro: maybe"),
        ("type=cache,mode=999", "invalid value 999 for mode"),
        ("type=bind,uid=1", 'uid not allowed for "bind" type mounts'),
        ("type=secret", "invalid secret mount. one of source, target required"),
        ("type=secret,id=a,source=b", "both source and id can't be set"),
        ("type=secret,id=a,from=b", "secret mount should not have a from"),
        ("", "failed to parse csv mounts: EOF"),
    ],
)
def test_a_wrong_mount_is_refused(text: str, reason: str) -> None:
    with pytest.raises(DockerfileError) as caught:
        mount(text)
    assert caught.value.reason == reason


def test_the_target_of_a_mount_is_below_the_working_directory_and_not_everything() -> None:
    assert mount_target(Mount(target="a/../b"), "/w") == "/w/b"
    assert mount_target(Mount(target="/a"), "/w") == "/a"
    for target, workdir in (("/", "/w"), ("", "/"), (".", "/")):
        with pytest.raises(DockerfileError, match='invalid mount target "/"'):
            mount_target(Mount(target=target), workdir)


def test_heredocs_are_documents_of_copy_and_input_of_run() -> None:
    copy = instruction("COPY <<a <<-'b' /x/\n$one\na\n\t$two\n\tb\n")
    assert isinstance(copy, typed.Copy)
    assert [(one.name, one.text, one.expand) for one in copy.documents] == [
        ("a", "$one\n", True),
        ("b", "$two\n", False),
    ]
    run = instruction("RUN cat <<A 3<<B > /c\na\nA\nb\nB\n")
    assert isinstance(run, typed.Run)
    assert [(one.name, one.content, one.descriptor) for one in run.command.heredocs] == [
        ("A", "a\n", 0),
        ("B", "b\n", 3),
    ]
    assert run.command.words == ("cat <<A 3<<B > /c",)


@pytest.mark.parametrize(
    ("text", "words", "script"),
    [
        ("RUN a $b", ("sh", "-c", "a $b"), None),
        ('RUN ["a", "$b"]', ("a", "$b"), None),
        ("RUN <<EOF\na\n  $b\nEOF", ("sh", "-c", "a\n  $b\n"), None),
        ("RUN <<-'EOF'\n\ta\n\tEOF", ("sh", "-c", "a\n"), None),
        ("RUN <<-EOF\n\t#!/bin/x\n\ty\nEOF", ("sh", "-c", "/dev/pipes/EOF"), "#!/bin/x\ny\n"),
        ("RUN <<EOF cat\n#!a\nEOF", ("sh", "-c", "<<EOF cat\n#!a\nEOF"), None),
        ("RUN cat <<A <<-B\na\nA\n\tb\nB", ("sh", "-c", "cat <<A <<-B\na\nA\n\tb\nB"), None),
        ("CMD", ("sh", "-c", ""), None),
        ("ENTRYPOINT []", (), None),
    ],
)
def test_a_command_is_executed_with_its_shell_and_its_documents(
    text: str, words: tuple[str, ...], script: str | None
) -> None:
    found = instruction(text)
    assert isinstance(found, typed.Run | typed.Cmd | typed.Entrypoint)
    todo = execution(found.command, ("sh", "-c"))
    assert (todo.words, todo.script and todo.script.content) == (words, script)


def test_an_unclosed_json_array_is_a_command_for_the_shell() -> None:
    for text in ('["a", "b"', "['a']", '["a"] b', "[ -f x ]"):
        run = instruction(f"RUN {text}")
        assert isinstance(run, typed.Run)
        assert run.command == typed.Command((text,), True)
    run = instruction('RUN [ "a" , "\\u00e9" ]')
    assert isinstance(run, typed.Run)
    assert run.command == typed.Command(("a", "é"), False)


def test_what_comments_say_of_stages_and_arguments_is_kept() -> None:
    dockerfile = parse("# TAG of the image\nARG TAG\n#\n# nothing\n# build makes it\nFROM x AS build\n")
    assert dockerfile.global_arguments[0].arguments[0].description == "of the image"
    assert dockerfile.stages[0].head.description == "makes it"


def test_a_trigger_is_an_instruction_at_the_place_of_its_from() -> None:
    head = parse("\nFROM x").stages[0].head
    trigger = parse_trigger("RUN <<EOF\nx\nEOF", head)
    assert isinstance(trigger, typed.Run)
    assert (trigger.origin.start, trigger.origin.trigger) == (2, True)
    for wrong in ("RUN a\nRUN b", "FROM y", "RUM x"):
        with pytest.raises(DockerfileError) as caught:
            parse_trigger(wrong, head)
        assert caught.value.start == 2


def test_bytes_that_are_no_text_come_back_as_they_were() -> None:
    run = parse(b"FROM x\nRUN echo \xe9\n").stages[0].instructions[0]
    assert isinstance(run, typed.Run)
    assert run.command.words[0].encode(errors="surrogateescape") == b"echo \xe9"


def test_very_deep_dockerfiles_are_refused_not_a_crash() -> None:
    assert "Chaining" in refusal("FROM x\n" + "ONBUILD " * 50_000 + "RUN y").reason
    words = instruction("CMD " + "[" * 100_000)
    assert isinstance(words, typed.Cmd)
    assert not words.command.words[0].strip("[")


def test_an_excerpt_marks_the_lines_as_buildkit_does() -> None:
    text = "FROM x\n\nRUN a \\\n  b\nRUN c\n"
    assert excerpt(text, 3, 4) == (
        "Dockerfile:3\n--------------------\n   2 |     \n   3 | >>> RUN a \\\n   4 | >>>   b\n"
        "   5 |     RUN c\n--------------------\n"
    )
    assert excerpt(text, 9, 9) == ""


@given(st.text(max_size=300) | st.binary(max_size=300))
def test_any_text_is_read_or_refused(text: str | bytes) -> None:
    with suppress(DockerfileError):
        parse(text)


_PIECES = st.sampled_from(
    [*KEYWORDS, " ", "\n", "\\\n", "#", "=", "[", '"', "'", "<<EOF", "--", "$", "{", "}", "as", "x"]
)


@given(st.lists(_PIECES, max_size=40))
def test_any_text_of_a_dockerfiles_pieces_is_read_or_refused(pieces: list[str]) -> None:
    with suppress(DockerfileError):
        parse("FROM x\n" + "".join(pieces))


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.stem)
def test_every_instruction_is_the_same_when_its_own_text_is_read_again(path: Path) -> None:
    dockerfile = parse(path.read_bytes())
    again = parse(_written(dockerfile))
    assert [_plain(one) for one in _all(again)] == [_plain(one) for one in _all(dockerfile)]


def _all(dockerfile: Dockerfile) -> list[typed.Instruction]:
    stages = [one for stage in dockerfile.stages for one in (stage.head, *stage.instructions)]
    return [*dockerfile.global_arguments, *stages]


def _plain(one: typed.Instruction) -> dict[str, object]:
    return one.replace(origin=None).as_dict() | {"text": one.origin.text}


def _written(dockerfile: Dockerfile) -> str:
    """The Dockerfile with each instruction on one line."""
    parts = [f"# escape={dockerfile.escape}\n"]
    for line in read_lines(dockerfile.text).lines:
        parts += [f"# {comment}\n" for comment in line.comments] + ["#\n"] * (not line.comments)
        parts.append(line.text.strip() + "\n")
        parts += [f"{heredoc.content}{heredoc.name}\n" for heredoc in line.heredocs]
    return "".join(parts)
