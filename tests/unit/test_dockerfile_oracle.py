"""Dockerfiles, words and patterns mean what BuildKit's own parser and moby's patternmatcher say they mean."""

from __future__ import annotations

import json
import random
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from rocker.images.builder import instructions as typed
from rocker.images.builder.directives import directive_of, syntax_of
from rocker.images.builder.dockerfile import parse
from rocker.images.builder.errors import DockerfileError
from rocker.images.builder.expand import Expander
from rocker.images.builder.heredoc import Heredoc
from rocker.images.builder.ignore import read_ignore
from rocker.images.builder.lines import KEYWORDS, read_lines
from rocker.images.builder.patterns import PatternMatcher
from rocker.images.builder.wildcard import match
from rocker.images.builder.words import expand
from rocker.models.struct import Struct

HERE = Path(__file__).parent
CORPUS = sorted((HERE / "dockerfiles").glob("*.Dockerfile"))
VALUES = {"a": "x y", "b": "", "c": "foo/bar.tar.gz", "D_1": "ab*c?d", "z": "aXaXa", "TARGETARCH": "arm64"}

Ask = Callable[[list[dict[str, Any]]], list[Any]]


@pytest.fixture(scope="module")
def ask(tmp_path_factory: pytest.TempPathFactory) -> Ask:
    """Put questions to the oracle, all at once."""
    if shutil.which("go") is None:
        pytest.skip("Go is not installed: BuildKit's own parser is the oracle")
    folder = HERE / "dockerfile_oracle"
    got = subprocess.run(
        ["go", "mod", "download"], cwd=folder, capture_output=True, text=True, check=False, timeout=50
    )
    if got.returncode != 0:
        pytest.skip(f"the modules of the oracle cannot be had: {got.stderr.strip()[-200:]}")
    program = tmp_path_factory.mktemp("oracle") / "oracle"
    subprocess.run(["go", "build", "-o", program, "."], cwd=folder, check=True, timeout=110)

    def put(questions: list[dict[str, Any]]) -> list[Any]:
        lines = "\n".join(json.dumps(question) for question in questions)
        answer = subprocess.run(
            [program], input=lines.encode(), stdout=subprocess.PIPE, check=True, timeout=50
        )
        return [json.loads(line) for line in answer.stdout.splitlines()]

    return put


def ours(answer: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    try:
        return answer()
    except DockerfileError as error:
        return {"error": str(error)}


def lines(text: str) -> dict[str, Any]:
    found = read_lines(text)
    return {
        "lines": [
            line.as_dict() | {
                "flags": list(line.flags), "words": list(line.words), "comments": list(line.comments),
                "heredocs": [heredoc.as_dict() for heredoc in line.heredocs],
            }
            for line in found.lines
        ],
        "escape": found.escape,
        "empty": list(found.empty_continuations),
    }  # fmt: skip


def read(text: str) -> dict[str, Any]:
    dockerfile = parse(text)
    expander = Expander(VALUES, dockerfile.escape)
    found: list[typed.Instruction] = list(dockerfile.global_arguments)
    for stage in dockerfile.stages:
        found += [stage.head, *stage.instructions]
    return {"instructions": [show(instruction, expander) for instruction in found]}


def show(instruction: typed.Instruction, expander: Expander) -> dict[str, Any]:
    shown = {name: plain(value) for name, value in instruction.as_dict().items() if name != "origin"}
    if isinstance(instruction, typed.Run):
        try:
            shown["mounts"] = [mount.as_dict() for mount in expander.mounts(instruction)]
        except DockerfileError as error:
            shown["mounts"] = str(error)
        # The oracle's Go has no JSON names for a device's fields.
        shown["devices"] = [{"Name": one.name, "Required": one.required} for one in instruction.devices]
    if isinstance(instruction, typed.Copy | typed.Add):
        shown["documents"] = [
            {"name": one.name, "text": one.text, "expand": one.expand} for one in instruction.documents
        ]
    return {"kind": type(instruction).__name__, "text": instruction.origin.text} | shown


def plain(value: Any) -> Any:
    if isinstance(value, Heredoc):
        return {"name": value.name, "content": value.content, "chomp": value.chomp}
    if isinstance(value, Struct):
        return {name: plain(field) for name, field in value.as_dict().items()}
    return [plain(one) for one in value] if isinstance(value, tuple) else value


def word(question: dict[str, Any]) -> dict[str, Any]:
    options = {name: value for name, value in question.items() if name not in ("do", "text")}
    found = expand(question["text"], **options)
    return {
        "text": found.text,
        "words": list(found.words),
        "matched": sorted(found.matched),
        "unmatched": sorted(found.unmatched),
    }


def patterns(question: dict[str, Any]) -> dict[str, Any]:
    matcher = PatternMatcher(question["patterns"])
    return {
        "matched": [matcher.matches(path) for path in question["paths"]],
        "below": [_down(matcher, path.split("/")) for path in question["paths"]],
        "negated": matcher.negated,
    }


def _down(matcher: PatternMatcher, parts: list[str]) -> bool:
    matched = False
    parent: Sequence[bool] = ()
    for count in range(len(parts)):
        matched, parent = matcher.matches_below("/".join(parts[: count + 1]), parent)
    return matched


def differences(
    questions: list[dict[str, Any]],
    theirs: list[Any],
    answer: Callable[[dict[str, Any]], dict[str, Any]],
    excuse: Callable[[dict[str, Any], Any, Any], bool] = lambda _question, _mine, _theirs: False,
) -> list[tuple[Any, Any, Any]]:
    found = []
    for question, their in zip(questions, theirs, strict=True):
        mine = ours(lambda question=question: answer(question))  # type: ignore[misc]
        if mine != their and not excuse(question, mine, their):
            found.append((question, mine, their))
    return found[:5]


def test_the_corpus_is_as_large_as_it_claims() -> None:
    assert len(CORPUS) >= 30


def test_every_dockerfile_has_the_lines_and_instructions_that_buildkit_reads(ask: Ask) -> None:
    texts = [path.read_bytes().decode() for path in CORPUS]
    taken_apart = [{"do": "lines", "text": text} for text in texts]
    typed_ones = [{"do": "read", "text": text, "values": VALUES} for text in texts]
    theirs = ask(taken_apart + typed_ones)
    assert [path.name for path, their in zip(CORPUS * 2, theirs, strict=True) if "error" in their] == []
    assert differences(taken_apart, theirs[: len(texts)], lambda question: lines(question["text"])) == []
    assert differences(typed_ones, theirs[len(texts) :], lambda question: read(question["text"])) == []


PARTS = [
    " ", " ", "\t", "\n", "\n", "\\\n", "\\\n\n", "# c\n", "#\n", "# escape=`\n", "# check=skip=all\n", "\\", "`",
    "`\n",
    '"', "'", "=", "a", "b=c", "A=", "$a", "${b:-w}", "--", "--from=x", "--link", "--mount=type=cache,target=/x",
    "--mount=type=secret,id=a,requird", "--chmod=755",
    "--platform=$a", "--interval=5s", "--network=none", "--unknwon",
    "--mount=type=tmpfs,size=1k,target=$c", "--mount=type=bind,from=x,rw,uid=1", "--keep-git-dir", "--retries=3",
    "[", "]", '["a", "b"]', '["a",]', "[1]", ",", "<<EOF", "<<-EOF", "<<'EOF'", "\nEOF\n", "\n\tEOF\n", "3<<B", "\nB\n",
    "AS", "as", "as X", "CMD", "NONE", "cmd true", "/x", ".", "80/tcp", "é", "\r\n", "  ", "\n\n", "x y",
]  # fmt: skip


def _generated(seed: int, count: int) -> Iterator[str]:
    """Texts of parts that Dockerfiles have, most of them with some sense."""
    chance = random.Random(seed)  # noqa: S311 -- the same each time
    for _ in range(count):
        lines = [
            chance.choice(["FROM alpine", "FROM alpine AS base", "ARG V=1\nFROM x:$V", "from scratch", ""])
        ]
        for _ in range(chance.randint(1, 4)):
            keyword = chance.choice(
                [*KEYWORDS, "RUM", "ONBUILD RUN", "ONBUILD COPY", "HEALTHCHECK CMD", "run"]
            )
            parts = [chance.choice(PARTS) for _ in range(chance.randint(0, 6))]
            lines.append(keyword + " " + chance.choice(["", " "]).join(parts))
        yield "\n".join(lines) + chance.choice(["\n", ""])


# Where ours is not BuildKit's, and why.
#
# - A variable inside `${…}` makes BuildKit's splitting into words forget what the word began with (`80${x:-80}` is
#   `80`); its splitting serves `EXPOSE` and the search for heredocs, so it does not see `<<EOF${x:-y}`.
# - Of two words that may have been meant it chooses by chance, ours the first.
# - `$1` in the text of `${name//pattern/text}` is a template of Go's to it.
# - It counts lines of directive errors from 0.
# - It reads flags byte by byte: what is not ASCII comes out as Latin-1, and may end a flag.
# - An unclosed `${name` has an unreadable modifier there; here `}` is missing.
def _excused_text(question: dict[str, Any], mine: Any, theirs: Any) -> bool:
    my_error, their_error = mine.get("error", ""), theirs.get("error", "")
    if "parser directive" in my_error or "escape token" in my_error:
        return my_error.partition(": ")[2] in their_error
    if "Chaining ONBUILD" in my_error:
        return bool(their_error)
    if re.search(r"<<\S*\$\{[^}\s]*[-+?:#%/]", question["text"]):
        return True
    return "é" in question["text"] and ("Ã©" in json.dumps(theirs, ensure_ascii=False))


def _bare(error: str) -> str:
    """The message without its place, and without what may have been meant."""
    bare = error.partition(": ")[2] if error.startswith("dockerfile parse error on line") else error
    return bare.partition(" (did you mean")[0]


def test_generated_dockerfiles_are_read_and_refused_as_buildkit_does(ask: Ask) -> None:
    texts = list(_generated(7, 6000))
    taken_apart: list[dict[str, Any]] = [{"do": "lines", "text": text} for text in texts]
    typed_ones: list[dict[str, Any]] = [{"do": "read", "text": text, "values": VALUES} for text in texts]
    theirs = ask(taken_apart + typed_ones)

    def excused(question: dict[str, Any], mine: Any, their: Any) -> bool:
        # BuildKit's lexer has no place in its messages, its reader has.
        if "error" in mine and "error" in their and _bare(mine["error"]) == _bare(their["error"]):
            return True
        return _excused_text(question, mine, their)

    assert (
        differences(taken_apart, theirs[: len(texts)], lambda question: lines(question["text"]), excused)
        == []
    )
    assert (
        differences(typed_ones, theirs[len(texts) :], lambda question: read(question["text"]), excused) == []
    )
    refused = sum("error" in answer for answer in theirs[len(texts) :])
    assert 0.1 < refused / len(texts) < 0.9


WORDS = ["$a", "${a}", "${b:-", "${b-", "${n:-w}", "${c##", "${c%%", "${c#", "${c%", "${c/", "${c//", "${n:?", "${b?e}",
         "}",
         "}", "*", "?", "/", ".",
         "'", '"', "\\", "\\$", " ", "<<", "<", "a", "foo", "X", "$", "${", "$1", "$@", "${n+x}",
         "${a:+y z}", ":", "-", "é", "\t", "${z//a/", "${z/a*/",
         "\\}", "\\/", "\\*", "$b", "${D_1", "#", "%", "!", "`",
         "${a:", "\ufeff", "\u3000"]  # fmt: skip


def test_words_are_expanded_as_buildkit_expands_them(ask: Ask) -> None:
    chance = random.Random(11)  # noqa: S311 -- the same each time
    questions: list[dict[str, Any]] = [
        {
            "do": "word", "text": "".join(chance.choice(WORDS) for _ in range(chance.randint(1, 7))), "values": VALUES,
            "escape": chance.choice("\\\\`"), "raw_quotes": chance.random() < 0.2,
            "raw_escapes": chance.random() < 0.2, "quotes": chance.random() < 0.85, "keep_unset": chance.random() < 0.2,
        }
        for _ in range(15_000)
    ]  # fmt: skip

    def excused(question: dict[str, Any], mine: Any, their: Any) -> bool:
        if "//" in question["text"] and "$" in mine.get("text", ""):
            return True
        if "${" in question["text"] and "words" in mine and "words" in their:
            return bool(mine | {"words": 0} == their | {"words": 0})
        error = their.get("error", "")
        # An unreadable modifier; a pattern that is shown back to front.
        return "\ufffd" in error or (
            "invalid pattern" in error and "invalid pattern" in mine.get("error", "")
        )

    assert differences(questions, ask(questions), word, excused) == []


PATHS = ["a", "b", "foo", "a/b", "foo/a/b", "ab", "x.go", "foo/x.go", "a/foo", "foo.", "d", "é", "*", "a*", "b/a/foo",
         "foo/bar/x.go", "abc", "a.b", "]", "-"]  # fmt: skip
GLOBS = ["a", "b", "foo", "*", "?", "**", "/", "[ab]", "[^a]", "[a-c]", "\\*", "\\?", ".", "ab", "*.go", "/**/", "**/",
         "d", "é", "]", "-", "..", "+", "(", "$"]  # fmt: skip


def test_patterns_match_what_moby_and_go_say(ask: Ask) -> None:
    chance = random.Random(13)  # noqa: S311 -- the same each time

    def glob() -> str:
        return "".join(chance.choice(GLOBS) for _ in range(chance.randint(1, 4)))

    wildcards = [{"do": "wildcard", "text": glob(), "paths": PATHS} for _ in range(3000)]
    several = [
        {
            "do": "patterns",
            "patterns": [chance.choice(["", "", "", "!"]) + glob() for _ in range(chance.randint(1, 3))],
            "paths": PATHS,
        }
        for _ in range(5000)
    ]
    theirs = ask(wildcards + several)

    def matched(question: dict[str, Any]) -> dict[str, Any]:
        return {"matched": [match(question["text"], path) for path in question["paths"]]}

    assert differences(wildcards, theirs[: len(wildcards)], matched) == []
    assert differences(several, theirs[len(wildcards) :], patterns) == []


def test_ignore_files_and_directives_are_read_as_theirs(ask: Ask) -> None:
    chance = random.Random(17)  # noqa: S311 -- the same each time
    parts = ["#", "!", "a", "/", " ", "\n", "\n", "\r\n", "..", "*", "./", "\ufeff", "\t", "! ", "b/"]
    ignored = [
        {"do": "ignore", "text": "".join(chance.choice(parts) for _ in range(chance.randint(0, 9)))}
        for _ in range(2000)
    ]
    heads = ["# syntax=a/b:1 extra\n", "# SYNTAX = x\n", "// syntax=c\n", "#!/bin/sh\n", "#\n",
             "# check=skip=all;error=true\n",
             "\ufeff", "FROM x\n", '{"syntax": "j"}', "\n", "#escape=`\n", "# syntax=\n", "# other=1\n"]  # fmt: skip
    directives = [
        {"do": "syntax", "text": "".join(chance.choice(heads) for _ in range(chance.randint(0, 4)))}
        for _ in range(2000)
    ]
    theirs = ask(ignored + directives)
    assert (
        differences(
            ignored, theirs[: len(ignored)], lambda question: {"patterns": read_ignore(question["text"])}
        )
        == []
    )

    def directive(question: dict[str, Any]) -> dict[str, Any]:
        syntax = syntax_of(question["text"])
        check = directive_of("check", question["text"]) or ""
        return {"syntax": syntax or "", "found": syntax is not None, "check": check}

    assert differences(directives, theirs[len(ignored) :], directive) == []


@pytest.mark.parametrize(
    ("text", "mine", "theirs"),
    [
        ("80${x:-80}", ["8080"], ["80"]),
        ("a${c}${n-b}", ["afoo/bar.tar.gzb"], ["b"]),
    ],
)
def test_a_word_keeps_its_beginning_which_buildkit_forgets(
    ask: Ask, text: str, mine: list[str], theirs: list[str]
) -> None:
    question = {"do": "word", "text": text, "values": VALUES}
    assert (list(expand(text, VALUES).words), ask([question])[0]["words"]) == (mine, theirs)
