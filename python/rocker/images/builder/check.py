"""`--check`: a Dockerfile under Docker's build checks.

What a line, the order of lines and the `FROM`s alone tell is here; what needs the values of variables, in
`check_stage`.
"""

from __future__ import annotations

from rocker.errors import InvalidArgumentError
from rocker.images.builder.check_stage import Base, StageCheck
from rocker.images.builder.directives import directive_of
from rocker.images.builder.dockerfile import Dockerfile, assemble
from rocker.images.builder.errors import DockerfileError
from rocker.images.builder.graph import SCRATCH, StageGraph
from rocker.images.builder.lines import read_lines
from rocker.images.builder.platform import parse_platform
from rocker.images.builder.rules import Finding, Findings, Options, parse_options
from rocker.images.builder.scope import Arguments
from rocker.images.builder.suggest import did_you_mean
from rocker.images.builder.words import expand
from rocker.images.reference import Reference
from rocker.models.struct import Struct
from rocker.parse.number import quote

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from rocker.images.builder.graph import Node
    from rocker.images.builder.instructions import From, Origin
    from rocker.images.builder.lines import Line
    from rocker.images.builder.patterns import PatternMatcher
    from rocker.images.builder.platform import Platform

_NAMED_WORDS = 3
_RESERVED = ("context", SCRATCH)
_SETTING = "BUILDKIT_DOCKERFILE_CHECK"


class Report(Struct):
    """What the checks found.

    Attributes:
        findings: by their first line.
        error: what makes a build impossible, or None; checks after it were not made.
        failure: message of a build that findings make fail (`error=true`), or None.
    """

    findings: tuple[Finding, ...]
    error: DockerfileError | None = None
    failure: str | None = None


def check(
    text: str | bytes,
    *,
    build_args: Mapping[str, str] | None = None,
    target: str = "",
    platform: Platform | None = None,
    contexts: tuple[str, ...] = (),
    base_of: Callable[[str], Base | None] | None = None,
    ignored: PatternMatcher | None = None,
) -> Report:
    """Check a Dockerfile; nothing is built.

    Args:
        text: the Dockerfile.
        build_args: `--build-arg`; `BUILDKIT_DOCKERFILE_CHECK` takes the place of the directive `check`.
        target: `--target`; without it all stages are checked.
        platform: what it is to be built for; this machine's by default.
        contexts: names of `--build-context`.
        base_of: looks an image up by its name as written; None for one that is not known, whose stages then are not
            searched for variables without a value. Without it no image is known.
        ignored: the patterns of `.dockerignore`, or None.

    Raises:
        DockerfileError: the options of the checks themselves are wrong.
    """
    if isinstance(text, bytes):
        text = text.decode(errors="surrogateescape")
    findings = Findings(_options(text, build_args or {}))
    error = None
    try:
        lines = read_lines(text)
        for end in lines.empty_continuations:
            findings.add("NoEmptyContinuation", "Empty continuation line", (end, end))
        dockerfile = assemble(lines, text, lambda line: _check_line(findings, line))
        _check_stages(findings, dockerfile)
        arguments = Arguments(dockerfile, build_args=build_args, target=target, platform=platform)
        _check_defaults(findings, dockerfile, arguments)
        graph = StageGraph(
            dockerfile,
            arguments,
            target,
            contexts=contexts,
            watch=lambda head: _check_head(findings, head, arguments),
        )
        graph.check_images()
        bases = _bases(graph, base_of or (lambda _name: None), everything=not target)
        ordered_nodes = sorted(bases, key=lambda node: node.stage.index)
        for node in ordered_nodes:
            _check_base(findings, node, bases[node], arguments)
        done: dict[Node, StageCheck] = {}
        for node in ordered_nodes:
            below = done.get(node.base) if node.base is not None else None
            done[node] = StageCheck(findings, arguments, node, image=bases[node], base=below, ignored=ignored)
            done[node].run()
    except DockerfileError as found:
        error = found
    ordered = tuple(sorted(findings.found, key=lambda finding: finding.start))
    failure = None
    if error is None and findings.options.error and ordered:
        rules = dict.fromkeys(finding.rule for finding in ordered)
        failure = "lint violation found for rules: " + ", ".join(rules)
    return Report(ordered, error, failure)


def _options(text: str, build_args: Mapping[str, str]) -> Options:
    given = build_args.get(_SETTING)
    value = given if given is not None else directive_of("check", text) or ""
    try:
        return parse_options(value)
    except DockerfileError as error:
        raise DockerfileError(f"failed to parse check options: {error.reason}") from None


def _place(origin: Origin) -> tuple[int, int]:
    return origin.start, origin.end


def _check_line(findings: Findings, line: Line) -> None:
    """What one line alone tells."""
    options = findings.options_at(line.comments)
    place = (line.start, line.end)
    name = line.keyword.upper()
    if name == "MAINTAINER":
        message = "Maintainer instruction is deprecated in favor of using label"
        findings.add("MaintainerDeprecated", message, place, options)
    names: list[str] = []
    if name == "FROM" and len(line.words) == _NAMED_WORDS:
        stage = line.words[2]
        if stage != stage.lower():
            findings.add("StageNameCasing", f"Stage name '{stage}' should be lowercase", place, options)
        as_ = line.words[1]
        if not _same_case(line.keyword, as_):
            message = f"'{as_}' and '{line.keyword}' keywords' casing do not match"
            findings.add("FromAsCasing", message, place, options)
        names = [stage.lower()]
    elif name == "ARG":
        names = [word.partition("=")[0] for word in line.words]
    if names and line.comments and line.comments[-1].split(" ")[0] not in names:
        example = names[0] if len(names) == 1 else "<arg_key>"
        message = f"Comment for {name} should follow the format: `# {example} <description>`"
        findings.add("InvalidDefinitionDescription", message, place, options)


def _same_case(keyword: str, as_: str) -> bool:
    """Whether `AS` is written as `FROM` is; a keyword in mixed case is another rule's business."""
    if keyword == keyword.lower():
        return as_ == as_.lower()
    return keyword != keyword.upper() or as_ == as_.upper()


def _check_stages(findings: Findings, dockerfile: Dockerfile) -> None:
    """What names of stages and keywords tell."""
    names: set[str] = set()
    for stage in dockerfile.stages:
        name, place = stage.head.name, _place(stage.head.origin)
        if name in _RESERVED:
            message = f'Stage name should not use the same name as reserved stage "{name}"'
            findings.add("ReservedStageName", message, place)
        if name in names:
            message = f'Duplicate stage name "{name}", stage names should be unique'
            findings.add("DuplicateStageName", message, place)
        names |= {name} if name else set()
    origins = [one.origin for stage in dockerfile.stages for one in (stage.head, *stage.instructions)]
    lower = sum(origin.keyword == origin.keyword.lower() for origin in origins)
    upper = sum(origin.keyword == origin.keyword.upper() for origin in origins)
    case, right = ("lowercase", str.lower) if lower > upper else ("uppercase", str.upper)
    for origin in origins:
        if origin.keyword != right(origin.keyword):
            message = f"Command '{origin.keyword}' should match the case of the command majority ({case})"
            findings.add("ConsistentInstructionCasing", message, _place(origin))


def _check_defaults(findings: Findings, dockerfile: Dockerfile, arguments: Arguments) -> None:
    """Whether every base is one without any `--build-arg`."""
    try:
        values = arguments.defaults()
        for stage in dockerfile.stages:
            head = stage.head
            name = expand(head.base, values, escape=dockerfile.escape).text
            try:
                Reference.parse(name)
            except InvalidArgumentError:
                message = f"Default value for ARG {head.base} results in empty or invalid base image name"
                findings.add("InvalidDefaultArgInFrom", message, _place(head.origin))
    except DockerfileError:
        pass  # it is reported where the build needs it


def _check_head(findings: Findings, head: From, arguments: Arguments) -> None:
    """What the variables of a `FROM` tell."""
    if _check_variables(findings, head, head.base, arguments) and head.platform:
        _check_variables(findings, head, head.platform, arguments)
        _check_platform(findings, head, arguments)


def _check_variables(findings: Findings, head: From, word: str, arguments: Arguments) -> bool:
    """Whether the word can be expanded, and what of its variables is not declared."""
    try:
        found = expand(word, arguments.values, escape=arguments.escape)
    except DockerfileError:
        return False  # the graph refuses it
    known = (*arguments.declared, *arguments.values)
    for name in found.unmatched:
        if name not in known:
            message = f"FROM argument '{name}' is not declared{did_you_mean(name, known)}"
            options = findings.options_at(head.origin.comments)
            findings.add("UndefinedArgInFrom", message, _place(head.origin), options)
    return bool(found.text)


def _check_platform(findings: Findings, head: From, arguments: Arguments) -> None:
    place, options = _place(head.origin), findings.options_at(head.origin.comments)
    try:
        found = expand(head.platform, arguments.values, escape=arguments.escape)
    except DockerfileError:
        return
    if found.matched == ("TARGETPLATFORM",) and not found.unmatched:
        if found.text == arguments.values["TARGETPLATFORM"]:
            message = (
                f"Setting platform to predefined {head.platform} in FROM is redundant "
                "as this is the default behavior"
            )
            findings.add("RedundantTargetPlatform", message, place, options)
    elif not found.matched and not found.unmatched:
        try:
            platform = parse_platform(found.text)
        except DockerfileError:
            return
        if platform.os not in head.name and platform.architecture not in head.name:
            message = f"FROM --platform flag should not use constant value {quote(found.text)}"
            findings.add("FromPlatformFlagConstDisallowed", message, place, options)


def _bases(
    graph: StageGraph, base_of: Callable[[str], Base | None], *, everything: bool
) -> dict[Node, Base | None]:
    """What is known of the base images of the stages to check.

    The triggers of those that the target needs are then in their places; those of others are not looked at.
    """
    bases: dict[Node, Base | None] = {}
    while new := [node for node in graph.reachable() if node not in bases and not node.context]:
        for node in new:
            bases[node] = base = _base(node, base_of)
            graph.trigger(node, base.triggers if base else ())
    if everything:
        for node in graph.nodes:
            if node not in bases and not node.context:
                bases[node] = _base(node, base_of)
    return bases


def _base(node: Node, base_of: Callable[[str], Base | None]) -> Base | None:
    return base_of(node.image) if node.base is None and node.image != SCRATCH else Base()


def _check_base(findings: Findings, node: Node, base: Base | None, arguments: Arguments) -> None:
    """Whether an image is one for the platform that it was wanted for."""
    wanted = node.platform or arguments.platform
    if base is None or base.platform is None or node.base is not None:
        return
    if (wanted.os, wanted.architecture) != (base.platform.os, base.platform.architecture):
        head = node.stage.head
        message = (
            f"Base image {node.image} was pulled with platform {quote(base.platform.full_name)}, "
            f"expected {quote(wanted.full_name)} for current build"
        )
        findings.add("InvalidBaseImagePlatform", message, _place(head.origin))
