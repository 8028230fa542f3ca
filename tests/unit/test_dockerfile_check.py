"""`--check`: Docker's build checks, in Docker's words."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rocker.images.builder.check import check
from rocker.images.builder.check_stage import Base, is_secret
from rocker.images.builder.errors import DockerfileError
from rocker.images.builder.patterns import PatternMatcher
from rocker.images.builder.platform import Platform
from rocker.images.builder.report import render
from rocker.images.builder.rules import DESCRIPTIONS, parse_options, url_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

HERE = Path(__file__).parent
CORPUS = sorted((HERE / "dockerfiles").glob("*.Dockerfile"))
LINUX = Platform("linux", "amd64")


def found(text: str, **options: Any) -> list[tuple[int, str, str]]:
    """Line, rule and message of every finding; every image is known and has nothing."""
    report = check(text, platform=LINUX, base_of=lambda _name: Base(), **options)
    assert report.error is None, report.error
    return [(finding.start, finding.rule, finding.message) for finding in report.findings]


@pytest.mark.parametrize(
    ("text", "line", "rule", "message"),
    [
        ("FROM x AS Build", 1, "StageNameCasing", "Stage name 'Build' should be lowercase"),
        ("FROM x as b", 1, "FromAsCasing", "'as' and 'FROM' keywords' casing do not match"),
        ("from x AS b", 1, "FromAsCasing", "'AS' and 'from' keywords' casing do not match"),
        ("FROM x\nRUN a && \\\n\n b", 4, "NoEmptyContinuation", "Empty continuation line"),
        ("FROM x\nrun a\nRUN b", 2, "ConsistentInstructionCasing",
         "Command 'run' should match the case of the command majority (uppercase)"),
        ("from x\nrun a\nRun b", 3, "ConsistentInstructionCasing",
         "Command 'Run' should match the case of the command majority (lowercase)"),
        ("FROM x AS b\nFROM y AS B2\nFROM x AS b", 3, "DuplicateStageName",
         'Duplicate stage name "b", stage names should be unique'),
        ("FROM x AS scratch", 1, "ReservedStageName",
         'Stage name should not use the same name as reserved stage "scratch"'),
        ("FROM x AS context", 1, "ReservedStageName",
         'Stage name should not use the same name as reserved stage "context"'),
        ("FROM x\nCMD a", 2, "JSONArgsRecommended",
         "JSON arguments recommended for CMD to prevent unintended behavior related to OS signals"),
        ("FROM x\nENTRYPOINT a", 2, "JSONArgsRecommended",
         "JSON arguments recommended for ENTRYPOINT to prevent unintended behavior related to OS signals"),
        ("FROM x\nMAINTAINER me", 2, "MaintainerDeprecated",
         "Maintainer instruction is deprecated in favor of using label"),
        ("ARG TAG=1\nFROM x:1$TAGS", 2, "UndefinedArgInFrom",
         "FROM argument 'TAGS' is not declared (did you mean TAG?)"),
        ("FROM --platform=linux/amd64$TARGETVARIAN x", 1, "UndefinedArgInFrom",
         "FROM argument 'TARGETVARIAN' is not declared (did you mean TARGETVARIANT?)"),
        ("FROM x\nWORKDIR a\nWORKDIR b", 2, "WorkdirRelativePath",
         'Relative workdir "a" can have unexpected results if the base image changes'),
        ("FROM x\nENV DIR=/a\nCOPY a $DRI/b", 3, "UndefinedVar",
         "Usage of undefined variable '$DRI' (did you mean $DIR?)"),
        ("FROM x\nCOPY <<EOF /a\n$NOTHING\nEOF", 2, "UndefinedVar", "Usage of undefined variable '$NOTHING'"),
        ('FROM x\nCMD ["a"]\nCMD ["b"]', 2, "MultipleInstructionsDisallowed",
         "Multiple CMD instructions should not be used in the same stage because only the last one will be used"),
        ("FROM x\nHEALTHCHECK NONE\nHEALTHCHECK CMD a", 2, "MultipleInstructionsDisallowed",
         ("Multiple HEALTHCHECK instructions should not be used in the same stage "
          "because only the last one will be used")),
        ("FROM x\nENV a b c", 2, "LegacyKeyValueFormat",
         '"ENV key=value" should be used instead of legacy "ENV key value" format'),
        ("FROM x\nLABEL a b c", 2, "LegacyKeyValueFormat",
         '"LABEL key=value" should be used instead of legacy "LABEL key value" format'),
        ("FROM --platform=$TARGETPLATFORM x", 1, "RedundantTargetPlatform",
         "Setting platform to predefined $TARGETPLATFORM in FROM is redundant as this is the default behavior"),
        ("FROM x\nARG DB_PASSWORD", 2, "SecretsUsedInArgOrEnv",
         'Do not use ARG or ENV instructions for sensitive data (ARG "DB_PASSWORD")'),
        ("FROM x\nENV apikey=1", 2, "SecretsUsedInArgOrEnv",
         'Do not use ARG or ENV instructions for sensitive data (ENV "apikey")'),
        ("FROM --platform=linux/amd64 x", 1, "FromPlatformFlagConstDisallowed",
         'FROM --platform flag should not use constant value "linux/amd64"'),
        ("# check=experimental=InvalidDefinitionDescription\n# something\nARG A=1\nFROM x", 3,
         "InvalidDefinitionDescription", "Comment for ARG should follow the format: `# A <description>`"),
        ("# check=experimental=all\n# something\nARG A=1 B\nFROM x", 3,
         "InvalidDefinitionDescription", "Comment for ARG should follow the format: `# <arg_key> <description>`"),
        ("# check=experimental=all\n# something\nFROM x AS Y", 3,
         "InvalidDefinitionDescription", "Comment for FROM should follow the format: `# y <description>`"),
        ("FROM x\nEXPOSE 80/TCP", 2, "ExposeProtoCasing",
         "Defined protocol '80/TCP' in EXPOSE instruction should be lowercase"),
        ("FROM x\nEXPOSE 80:80", 2, "ExposeInvalidFormat",
         "EXPOSE instruction should not define an IP address or host-port mapping, found '80:80'"),
    ],
)  # fmt: skip
def test_a_rule_finds_what_it_is_for(text: str, line: int, rule: str, message: str) -> None:
    assert (line, rule, message) in found(text)
    head = "" if text.startswith("# check=") else f"# check=skip={rule}\n"
    if head:
        assert rule not in {name for _line, name, _message in found(head + text)}


@pytest.mark.parametrize(
    "text",
    [
        "FROM x AS b\nFROM b AS c",
        'FROM x\nSHELL ["/bin/bash", "-c"]\nCMD a',
        'FROM x AS a\nCMD ["a"]\nFROM a\nCMD ["b"]',
        "ARG A\nFROM x$A",
        "FROM x\nWORKDIR /a\nWORKDIR b",
        "FROM x AS a\nWORKDIR /a\nFROM a\nWORKDIR b",
        "FROM x\nARG A\nUSER u$A",
        "FROM x\nRUN echo $NOTHING",
        "FROM x\nENV A=1 B='$NOTHING'",
        "FROM x\nARG PUBLIC_KEY KEY_FILE TOKEN_VERSION MONKEY",
        "FROM --platform=linux/amd64 x AS build-amd64",
        "FROM --platform=$BUILDPLATFORM x",
        "# something\nARG A=1\nFROM x",
        "# check=experimental=all\n# A is one\nARG A=1\n#\nFROM x AS b",
        "FROM x\nEXPOSE 80 53/udp 8000-8010",
        "FROM x\n# check=skip=UndefinedVar\nUSER $NOTHING",
        "FROM x\n# check=skip=all\nCMD a",
    ],
)  # fmt: skip
def test_what_is_right_is_not_found(text: str) -> None:
    assert found(text) == []


def test_a_default_that_names_no_image_is_found_though_a_build_argument_makes_it_one() -> None:
    rule = (
        2,
        "InvalidDefaultArgInFrom",
        "Default value for ARG x:${TAG} results in empty or invalid base image name",
    )
    assert found("ARG TAG\nFROM x:${TAG}", build_args={"TAG": "1"}) == [rule]
    assert found("ARG TAG=1\nFROM x:${TAG}", build_args={"TAG": "2"}) == []


def test_files_that_are_ignored_are_found_but_not_with_patterns_that_take_back() -> None:
    text = "FROM x AS a\nFROM x\nCOPY a/b ./c /\nADD a https://example.com/a /\nCOPY --from=a a /\nCOPY . /"
    matcher = PatternMatcher(["a"])
    assert found(text, ignored=matcher) == [
        (3, "CopyIgnoredFile", 'Attempting to Copy file "a/b" that is excluded by .dockerignore'),
        (4, "CopyIgnoredFile", 'Attempting to Add file "a" that is excluded by .dockerignore'),
    ]
    text = "FROM x\nCOPY . /"
    assert found(text, ignored=PatternMatcher([".*"])) == []
    assert [rule for _line, rule, _message in found(text, ignored=PatternMatcher(["*"]))] == [
        "CopyIgnoredFile"
    ]
    assert found("FROM x\nCOPY a /", ignored=PatternMatcher(["a", "!a/b"])) == []


def test_an_image_of_another_platform_is_found() -> None:
    report = check(
        "FROM x", platform=LINUX, base_of=lambda _name: Base(platform=Platform("linux", "arm64", "v8"))
    )
    assert [finding.message for finding in report.findings] == [
        'Base image x was pulled with platform "linux/arm64/v8", expected "linux/amd64" for current build'
    ]


def test_variables_of_a_known_image_have_values_and_of_an_unknown_one_may_have() -> None:
    text = "FROM x\nUSER $NAME"
    assert found(text) != []
    report = check(text, base_of=lambda _name: Base(environment={"NAME": "me"}))
    assert report.findings == ()
    assert check(text).findings == ()


def test_only_the_stages_of_a_target_are_checked_but_all_without_one() -> None:
    text = "FROM x AS one\nCMD a\nFROM x AS two\nCMD b"
    assert [line for line, _rule, _message in found(text)] == [2, 4]
    assert [line for line, _rule, _message in found(text, target="one")] == [2]


def test_triggers_of_the_base_are_checked_at_the_place_of_from() -> None:
    report = check("\nFROM x", base_of=lambda _name: Base(triggers=("CMD a",)))
    assert [(finding.start, finding.rule) for finding in report.findings] == [(2, "JSONArgsRecommended")]


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("FROM x\nRUM y", 2, "unknown instruction: RUM (did you mean RUN?)"),
        ("FROM $A", 1, "base name ($A) should not be blank"),
        ("FROM x\nCOPY https://example.com/a /", 2, "source can't be a URL for COPY"),
        ("FROM x\nCOPY git@example.com:a/b.git /", 2, "source can't be a git ref for COPY"),
        ("FROM x\nADD --checksum=sha256:a b /", 2, "checksum requires HTTP(S) or Git sources"),
        ("FROM x\nADD --checksum=sha256:a b c /", 2, "checksum can't be specified for multiple sources"),
        ("FROM x\nCOPY --chmod=10000 a /", 2,
         "invalid chmod parameter: '10000'. it should be octal string and between 0 and 07777"),
        ("FROM x\nCOPY --chmod=u+y a /", 2, "invalid chmod parameter: 'u+y'"),
        ("FROM x\nSTOPSIGNAL NOPE", 2, "invalid signal: NOPE"),
        ("FROM x\nVOLUME $A", 2, "VOLUME specified can not be an empty string"),
        ("FROM x\nEXPOSE 70000", 2, "invalid containerPort: 70000"),
        ("FROM x\nEXPOSE 9-8", 2, "invalid containerPort: 9-8"),
        ("FROM x\nEXPOSE 80/http", 2, 'invalid port: "80/http": invalid proto: http'),
        ("FROM x\nEXPOSE 1-2:8-10", 2, "invalid ranges specified for container and host Ports: 8-10 and 1-2"),
        ("FROM x\nEXPOSE a.b:1:2", 2, "invalid IP address: a.b"),
        ("FROM x\nRUN --mount=type=cache y", 2, 'invalid mount target "/"'),
        ("FROM x\nRUN --mount=type=nfs y", 2, 'unsupported mount type "nfs"'),
        ("FROM x\nCOPY --from=b c d\nFROM y AS b", 2,
         'cannot copy from stage "b", it needs to be defined before current stage "stage-0"'),
    ],
)  # fmt: skip
def test_what_makes_a_build_impossible_is_an_error_with_its_line(text: str, line: int, reason: str) -> None:
    error = check(text, base_of=lambda _name: Base()).error
    assert error is not None
    assert (error.start, error.reason) == (line, reason)


def test_findings_before_an_error_are_kept() -> None:
    report = check("FROM x AS A\nMAINTAINER me\nRUM y")
    assert [finding.rule for finding in report.findings] == ["StageNameCasing", "MaintainerDeprecated"]


def test_findings_are_errors_when_the_dockerfile_or_a_build_argument_says_so() -> None:
    text = "# check=error=true\nFROM x\nCMD a\nLABEL b c"
    assert check(text).failure == "lint violation found for rules: JSONArgsRecommended, LegacyKeyValueFormat"
    assert check(text, build_args={"BUILDKIT_DOCKERFILE_CHECK": "error=false"}).failure is None
    assert check("# check=skip=all;error=true\nFROM x\nCMD a").failure is None


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("skip", 'invalid check option "skip"'),
        ("hide=all", 'invalid check option "hide"'),
        ("error=maybe", 'failed to parse check option "error=maybe": "maybe" is no boolean'),
    ],
)
def test_wrong_options_are_refused(text: str, reason: str) -> None:
    with pytest.raises(DockerfileError) as caught:
        parse_options(text)
    assert caught.value.reason == reason
    with pytest.raises(DockerfileError, match="failed to parse check options"):
        check(f"# check={text}\nFROM x")


def test_secrets_are_known_by_a_word_of_their_name() -> None:
    secret = ["PASSWORD", "db_password", "TOKEN_X", "my_KEY", "Auth", "AWS_SECRET_ACCESS"]
    assert [name for name in secret if not is_secret(name)] == []
    assert [name for name in ("MONKEY", "KEYS", "TOKENS", "PUBLIC_KEY", "KEY_FILE") if is_secret(name)] == []


def test_every_rule_has_dockers_address() -> None:
    assert (
        url_of("JSONArgsRecommended") == "https://docs.docker.com/go/dockerfile/rule/json-args-recommended/"
    )
    assert url_of("FromPlatformFlagConstDisallowed").endswith("/from-platform-flag-const-disallowed/")
    assert len(DESCRIPTIONS) == 22


def test_a_report_is_printed_as_buildkit_does() -> None:
    text = "FROM x\nCMD a\nRUM b\n"
    assert render(check("FROM x\nCMD a\n"), "FROM x\nCMD a\n") == (
        "\nWARNING: JSONArgsRecommended - https://docs.docker.com/go/dockerfile/rule/json-args-recommended/\n"
        "JSON arguments recommended for CMD to prevent unintended behavior related to OS signals\n"
        "Dockerfile:2\n--------------------\n   1 |     FROM x\n   2 | >>> CMD a\n   3 |     \n"
        "--------------------\n"
    )
    assert render(check(text), text, "other") == (
        "\nERROR: dockerfile parse error on line 3: unknown instruction: RUM (did you mean RUN?)\n"
        "other:3\n--------------------\n   1 |     FROM x\n   2 |     CMD a\n   3 | >>> RUM b\n   4 |     \n"
        "--------------------\n"
    )


@given(st.text(max_size=200))
def test_any_text_is_checked(text: str) -> None:
    with suppress(DockerfileError):
        check(text, base_of=lambda _name: Base())


# --- beside BuildKit's own linter, which is large to build ---------------------------------------------------------


GLOBAL = ["ARG X=alpine", "ARG X", "ARG V=${X}-1", "# check=experimental=all", "ARG V=$NOPE", "# check=bad", "", "",
          "# check=skip=UndefinedVar,WorkdirRelativePath;error=true"]  # fmt: skip
FROM = ["FROM alpine", "FROM alpine AS base", "FROM base AS two", "FROM $X as Two", "FROM --platform=linux/arm64 x:$V",
        "FROM --platform=$TARGETPLATFORM scratch AS base", "from two", "FROM scratch as context", "FROM base",
        "FROM --platform=$BUILDPLATFORM Bad", "FROM ${V:-x} AS three", "# base is it\nFROM base AS base"]  # fmt: skip
REST = [
    "ARG V", "ARG V=$X", "ARG TOKEN=1 B=$TOKEN", "ENV A=1", "ENV A $B", "ENV KEY=$A PASSWORD=$KEY", "LABEL a b",
    "LABEL x=$NOPE", "WORKDIR rel", "WORKDIR /abs/$A", "WORKDIR $A", "COPY a b", "COPY --from=base a $A",
    "COPY --from=0 a b", "COPY --from=two a b", "COPY --from=$A a b", "COPY --from=three a b", "ADD --chmod=999 a b",
    "ADD http://x/y.tar /", "COPY http://x/y /", "ADD --checksum=sha256:abc a b", "COPY --chmod=u+x,g=rw a b",
    "RUN --mount=type=bind,from=base,target=/x true", "RUN --mount=type=cache,target=/$NOPE,id=$A true",
    "RUN --mount=from=three,target=/x true", "RUN --mount=type=secret true", "CMD a", 'CMD ["a"]', "cmd b",
    "ENTRYPOINT x", "ENTRYPOINT []", "HEALTHCHECK NONE", "HEALTHCHECK CMD x", 'SHELL ["/bin/bash"]', "USER $USR",
    "VOLUME $NOPE", "VOLUME /$A", "EXPOSE 80/TCP 90 $A", "EXPOSE 1:2", "EXPOSE 127.0.0.1:1:2/udp", "EXPOSE 99999",
    "EXPOSE 8-5", "EXPOSE 80-82", "STOPSIGNAL SIGTERM", "STOPSIGNAL NOPE", "ONBUILD RUN echo",
    "ONBUILD COPY --from=two a b", "ONBUILD ENV A=$NOPE", "MAINTAINER me", "Run echo", "run $NOPE",
    "COPY <<EOF /x\n$NOPE\nEOF", "# check=skip=UndefinedVar\nUSER $NOPE", "# check=skip=all\nCMD x",
    "# V the version\nARG V", "ENV V=2", "RUN a \\\n\n b", "COPY --from=base --chown=$NOPE:$A a b",
    "RUN --mount=type=tmpfs,target=/x,size=x true",
]  # fmt: skip


@pytest.fixture(scope="module")
def linter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if shutil.which("go") is None:
        pytest.skip("Go is not installed: BuildKit's own linter is the oracle")
    folder = HERE / "dockerfile_oracle" / "lint"
    got = subprocess.run(["go", "mod", "download"], cwd=folder, capture_output=True, text=True, check=False)
    if got.returncode != 0:
        pytest.skip(f"the modules of the oracle cannot be had: {got.stderr.strip()[-200:]}")
    program = tmp_path_factory.mktemp("linter") / "linter"
    subprocess.run(["go", "build", "-o", program, "."], cwd=folder, check=True)
    return program


def _generated(count: int) -> Iterator[dict[str, Any]]:
    chance = random.Random(23)  # noqa: S311 -- the same each time
    for _ in range(count):
        lines = [chance.choice(GLOBAL) for _ in range(chance.randint(0, 2))]
        for _ in range(chance.randint(1, 3)):
            lines += [chance.choice(FROM), *(chance.choice(REST) for _ in range(chance.randint(0, 4)))]
        question: dict[str, Any] = {"text": "\n".join(lines)}
        if chance.random() < 0.2:
            question["args"] = {"V": "given"}
        if chance.random() < 0.2:
            question["target"] = chance.choice(["base", "two", "three", "bse"])
        yield question


def _ours(question: dict[str, Any]) -> tuple[list[Any], str]:
    options = {"build_args": question.get("args"), "target": question.get("target", "")}
    base: Callable[[str], Base] = lambda _name: Base(platform=LINUX)  # noqa: E731
    try:
        report = check(question["text"], platform=LINUX, base_of=base, **options)
    except DockerfileError as error:
        return [], error.reason
    reason = report.error.reason if report.error else report.failure or ""
    return [finding.as_dict() for finding in report.findings], _bare(reason)


def _bare(error: str) -> str:
    """What is wrong; not where, which BuildKit has elsewhere, nor which of several it met first."""
    error = error.partition(": ")[2] if error.startswith("dockerfile parse error") else error
    for first in ("lint violation", "failed to parse stage name", "circular dependency"):
        if error.startswith(first):
            return first
    return error.partition(" (did you mean")[0]


def _sorted(findings: list[Any]) -> list[tuple[int, int, str, str]]:
    return sorted(
        (one["start"], one["end"], one["rule"], one["message"].partition(" (did you mean")[0])
        for one in findings
    )


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_the_findings_are_those_of_buildkit(linter: Path) -> None:
    texts = [path.read_bytes().decode() for path in CORPUS]
    questions: list[dict[str, Any]] = [{"text": text} for text in texts]
    questions += [{"text": text, "args": {"TAG": "1", "VERSION": "9"}} for text in texts]
    questions += [{"text": text, "target": "base"} for text in texts]
    questions += _generated(5000)
    lines = "\n".join(json.dumps(question) for question in questions)
    answer = subprocess.run([linter], input=lines.encode(), stdout=subprocess.PIPE, check=True)
    different = []
    for question, line in zip(questions, answer.stdout.splitlines(), strict=True):
        theirs = json.loads(line)
        findings, error = _ours(question)
        same_error = error == _bare(theirs["error"] or "")
        # BuildKit asks for all images at once, and reports those that it had when one name is wrong.
        same = same_error and ("stage name" in error or _sorted(findings) == _sorted(theirs["findings"]))
        # Triggers that lead back to their stage are refused here; BuildKit does not look.
        if not same and not (error.startswith("circular") and "ONBUILD COPY --from" in question["text"]):
            different.append((question, findings, error, theirs))
    assert different[:3] == []
