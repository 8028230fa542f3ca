"""Words of a Dockerfile: quotes, escapes, variables, and where their values are from."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rocker.images.builder import instructions as typed
from rocker.images.builder.dockerfile import parse
from rocker.images.builder.errors import DockerfileError
from rocker.images.builder.expand import Expander
from rocker.images.builder.platform import Platform, host_platform, parse_platform
from rocker.images.builder.scope import PATH, Arguments, Scope
from rocker.images.builder.words import expand

VALUES = {"a": "x", "empty": "", "file": "dir/name.tar.gz", "two": "x  y"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("'$a' \"$a\" $a", "$a x x"),
        (r"\$a \a \\ '\' \"", r'$a a \ \ "'),
        (r'"\$a \a \" \\"', r'$a \a " \ '.rstrip(" ")),
        ("$a$a.${a}b $ab", "xx.xb "),
        ("$ $. ${a} $1 $@", "$ $. x  "),
        ("${unset} ${empty}", " "),
        ("${a:-w} ${unset:-w} ${empty:-w} ${empty-w} ${unset-w}", "x w w  w"),
        ("${a:+w} ${unset:+w} ${empty:+w} ${empty+w} ${unset+w}", "w   w "),
        ("${a:?e} ${empty?e}", "x "),
        ("${unset:-${a:-y}} ${unset:-'$a b'}", "x $a b"),
        ("${file#*/} ${file##*.} ${file%.*} ${file%%.*}", "name.tar.gz gz dir/name.tar dir/name"),
        ("${file#nothing} ${file%r?gz} ${unset#x}", "dir/name.tar.gz dir/name.ta "),
        (
            "${file/./-} ${file//./-} ${file/a/} ${file//[/}",
            "dir/name-tar.gz dir/name-tar-gz dir/nme.tar.gz dir/name.tar.gz",
        ),
        (r"${file/\//:} ${file//?/.} ${file//*/all}", "dir:name.tar.gz ............... all"),
        ("${a//x/$two}", "x  y"),
    ],
)
def test_a_word_is_expanded(text: str, expected: str) -> None:
    assert expand(text, VALUES).text == expected


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("'a", "unexpected end of statement while looking for matching single-quote"),
        ('"a', "unexpected end of statement while looking for matching double-quote"),
        ("${a", "syntax error: missing '}'"),
        ("${a:-b", "syntax error: missing '}'"),
        ("${", "syntax error: missing '}'"),
        ("${}", "syntax error: bad substitution"),
        ("${a/b}", "syntax error: missing '/' in ${}"),
        ("${a:=b}", "unsupported modifier (:=) in substitution"),
        ("${a:#b}", "unsupported modifier (:#) in substitution"),
        ("${a@Q}", "unsupported modifier (@) in substitution"),
        ("${unset?}", "unset: is not allowed to be unset"),
        ("${empty:?}", "empty: is not allowed to be empty"),
        ("${unset:?say $a}", "unset: say x"),
        (r"${a#\a}", r"invalid pattern (\a) in substitution: invalid escape '\a'"),
        ("${a:-" * 70 + "}" * 70, "syntax error: more than 64 substitutions in each other"),
    ],
)
def test_what_cannot_be_expanded_is_refused(text: str, reason: str) -> None:
    with pytest.raises(DockerfileError) as caught:
        expand(text, VALUES)
    assert caught.value.reason.endswith(f": {reason}")


def test_blanks_part_words_but_not_in_quotes() -> None:
    assert expand("a\\ b '$two' \"$two\" $two \u00a0''", VALUES).words == ("a b", "$two", "x  y", "x", "y")


def test_names_that_were_met_are_told_apart() -> None:
    found = expand("$a ${b:-$c} '$d' $a", VALUES)
    assert (found.matched, found.unmatched) == (("a",), ("c", "b"))


def test_another_escape_character_makes_backslashes_plain() -> None:
    assert expand('C:\\x`$a `"', VALUES, escape="`").text == 'C:\\x$a "'


def test_a_pattern_of_many_stars_takes_no_time() -> None:
    values = {"v": "a" * 2000}
    assert expand("${v##" + "*a" * 30 + "*b}", values).text == "a" * 2000


@given(st.text(max_size=60), st.sampled_from("\\`"), st.booleans())
def test_any_text_is_expanded_or_refused(text: str, escape: str, keep: bool) -> None:
    with suppress(DockerfileError):
        expand(text, VALUES, escape=escape, keep_unset=keep)


@given(st.text(max_size=60))
def test_a_text_in_single_quotes_is_itself(text: str) -> None:
    text = text.replace("'", "")
    assert expand(f"'{text}'", VALUES).text == text


@given(st.text(max_size=60))
def test_references_without_a_value_can_be_kept(text: str) -> None:
    name = "".join(letter for letter in text if letter.isascii() and letter.isalpha())
    assert expand(f"${{{name}x}}", {}, keep_unset=True).text == f"${{{name}x}}"


def _expanded(text: str, values: dict[str, str] | None = None) -> typed.Instruction:
    instruction = parse(f"FROM x\n{text}").stages[0].instructions[0]
    return Expander(values or VALUES).instruction(instruction)


@pytest.mark.parametrize(
    ("text", "field", "expected"),
    [
        ("ENV $a='$a' b=$two", "pairs", (typed.Pair("x", "$a"), typed.Pair("b", "x  y"))),
        ('LABEL l="$a"', "pairs", (typed.Pair("l", "x"),)),
        ("WORKDIR /$a", "path", "/x"),
        ("USER $a:$unset", "user", "x:"),
        ("VOLUME /$a $two", "paths", ("/x", "x  y")),
        ("STOPSIGNAL $a", "signal", "x"),
        ("EXPOSE $two 80", "ports", ("x", "y", "80")),
        ("COPY --chown=$a --chmod=$a --exclude=$a $a ${file##*/} $a/", "sources", ("x", "name.tar.gz")),
        ("COPY --exclude=$a b c", "exclude", ("$a",)),
        ("COPY --chown=$a b c", "chown", "x"),
        ("ADD --checksum=$a b c", "checksum", "x"),
        ("RUN $a", "command", typed.Command(("$a",), True)),
        ("CMD $a", "command", typed.Command(("$a",), True)),
        ("ONBUILD ENV a=$a", "instruction", "ENV a=$a"),
        ("HEALTHCHECK CMD $a", "test", ("CMD-SHELL", "$a")),
        ("ARG v=$a", "arguments", (typed.Argument("v", "$a"),)),
    ],
)
def test_the_fields_that_have_variables_are_expanded_and_no_others(
    text: str, field: str, expected: object
) -> None:
    assert getattr(_expanded(text), field) == expected


def test_documents_have_variables_unless_their_name_is_quoted() -> None:
    copy = _expanded("COPY <<a <<'b' /\n\"$a\" \\$a '\na\n$a\nb\n")
    assert isinstance(copy, typed.Copy)
    assert [document.content for document in copy.documents] == ['"x" $a \'\n', "$a\n"]


def _scope(text: str, *, stage: int = -1, **build_args: str) -> Scope:
    """The scope at the end of a stage; bases are images without anything."""
    dockerfile = parse(text)
    arguments = Arguments(dockerfile, build_args=build_args, platform=Platform("linux", "arm64"))
    scopes: dict[str, Scope] = {}
    found = []
    for one in dockerfile.stages:
        scope = Scope(arguments, {"IMAGE": "yes"}, base=scopes.get(one.head.base))
        expander = Expander(scope.values, dockerfile.escape)
        for instruction in one.instructions:
            if isinstance(instruction, typed.Arg):
                scope.declare(instruction, expander)
            elif isinstance(instruction, typed.Env):
                scope.set(expander.instruction(instruction))
        scopes[one.head.name] = scope
        found.append(scope)
    return found[stage]


def test_global_arguments_are_for_from_until_a_stage_declares_them() -> None:
    text = "ARG A=1 B=$A-b\nFROM x:$B AS one\nENV N=$A\nARG A\nARG B=mine\nENV M=$A-$B"
    scope = _scope(text)
    assert (scope.environment["N"], scope.environment["M"]) == ("", "1-mine")
    assert scope.arguments == {"A": "1", "B": "mine"}
    assert _scope(text, A="2", B="3").environment["M"] == "2-3"


def test_a_build_argument_that_is_not_declared_has_no_value() -> None:
    assert "A" not in _scope("FROM x\nENV B=$A", A="1").values
    dockerfile = parse("ARG G\nFROM x")
    given_ = {"A": "1", "G": "2", "HTTP_PROXY": "p", "TARGETARCH": "x", "BUILDKIT_INLINE_CACHE": "1", "D": ""}
    assert Arguments(dockerfile, build_args=given_).unused(["D"]) == ["A"]


def test_env_and_arg_override_each_other_in_the_order_they_come() -> None:
    assert _scope("FROM x\nENV A=env\nARG A=arg").values["A"] == "arg"
    assert _scope("FROM x\nARG A=arg\nENV A=env").values["A"] == "env"
    assert _scope("FROM x\nENV A=env\nARG A=arg").environment["A"] == "env"


def test_a_stage_begins_with_what_its_base_ended_with() -> None:
    text = "FROM x AS a\nARG ONE=1\nENV TWO=2 THREE=3\nARG THREE=arg\nFROM a\nENV ALL=$ONE$TWO$THREE$IMAGE"
    scope = _scope(text)
    assert scope.environment["ALL"] == "123yes"
    assert scope.environment["PATH"] == PATH
    assert "ONE" not in scope.environment


def test_the_platform_is_known_to_from_and_to_stages_that_ask() -> None:
    text = (
        "FROM x AS a\nENV N=$TARGETARCH\nARG TARGETARCH TARGETPLATFORM TARGETVARIANT TARGETSTAGE\n"
        "ENV M=$TARGETPLATFORM$TARGETVARIANT"
    )
    scope = _scope(text)
    assert (scope.environment["N"], scope.environment["M"]) == ("", "linux/arm64")
    assert (scope.values["TARGETARCH"], scope.values["TARGETSTAGE"]) == ("arm64", "a")
    assert _scope(text, TARGETARCH="mips").values["TARGETARCH"] == "mips"


def test_proxies_need_no_arg_and_are_no_variables() -> None:
    arguments = Arguments(parse("FROM x"), build_args={"http_proxy": "p", "NO_PROXY": "n", "A": "1"})
    assert arguments.proxies() == {"http_proxy": "p", "HTTP_PROXY": "p", "no_proxy": "n", "NO_PROXY": "n"}
    assert "HTTP_PROXY" not in _scope("FROM x", HTTP_PROXY="p").values


def test_a_default_that_cannot_be_expanded_is_refused_with_its_line() -> None:
    with pytest.raises(DockerfileError) as caught:
        Arguments(parse("ARG A\nARG B=${A?none}\nFROM x"))
    assert (caught.value.start, caught.value.reason) == (2, 'failed to process "${A?none}": A: none')


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("linux/amd64", "linux/amd64"),
        ("Linux/x86_64", "linux/amd64"),
        ("linux/aarch64", "linux/arm64"),
        ("linux/arm64/v8", "linux/arm64/v8"),
        ("linux/arm/v7", "linux/arm/v7"),
        ("linux/arm/7", "linux/arm/v7"),
        ("linux/armhf", "linux/arm"),
        ("linux/arm/v6", "linux/arm/v6"),
        ("arm64", "linux/arm64"),
        ("windows(10.0.1)/amd64", "windows(10.0.1)/amd64"),
        ("macos/arm64", "darwin/arm64"),
    ],
)
def test_platforms_are_read_as_containerd_reads_them(text: str, name: str) -> None:
    assert parse_platform(text).full_name == name


@pytest.mark.parametrize("text", ["", "*", "linux/", "nothing", "linux/a/b/c", "linux/a b", "linux(/x"])
def test_what_is_no_platform_is_refused(text: str) -> None:
    with pytest.raises(DockerfileError):
        parse_platform(text)


def test_this_machine_is_a_platform() -> None:
    assert parse_platform("linux") == host_platform()
