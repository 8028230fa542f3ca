"""Docker's build checks: names, descriptions and messages.

Reference: https://docs.docker.com/reference/build-checks/.
"""

from __future__ import annotations

from rocker.images.builder.errors import DockerfileError
from rocker.models.struct import Struct

_DOCS = "https://docs.docker.com/go/dockerfile/rule/"
_MOST_OPTIONS = 3
_TRUE = frozenset({"1", "t", "T", "TRUE", "true", "True"})
_FALSE = frozenset({"0", "f", "F", "FALSE", "false", "False"})

DESCRIPTIONS = {
    "StageNameCasing": "Stage names should be lowercase",
    "FromAsCasing": "The 'as' keyword should match the case of the 'from' keyword",
    "NoEmptyContinuation": "Empty continuation lines will become errors in a future release",
    "ConsistentInstructionCasing":
        "All commands within the Dockerfile should use the same casing (either upper or lower)",
    "DuplicateStageName": "Stage names should be unique",
    "ReservedStageName": "Reserved words should not be used as stage names",
    "JSONArgsRecommended":
        "JSON arguments recommended for ENTRYPOINT/CMD to prevent unintended behavior related to OS signals",
    "MaintainerDeprecated":
        "The MAINTAINER instruction is deprecated, use a label instead to define an image author",
    "UndefinedArgInFrom": "FROM command must use declared ARGs",
    "WorkdirRelativePath":
        "Relative workdir without an absolute workdir declared within the build can have unexpected results "
        "if the base image changes",
    "UndefinedVar": "Variables should be defined before their use",
    "MultipleInstructionsDisallowed":
        "Multiple instructions of the same type should not be used in the same stage",
    "LegacyKeyValueFormat": "Legacy key/value format with whitespace separator should not be used",
    "InvalidBaseImagePlatform": "Base image platform does not match expected target platform",
    "RedundantTargetPlatform":
        "Setting platform to predefined $TARGETPLATFORM in FROM is redundant as this is the default behavior",
    "SecretsUsedInArgOrEnv": "Sensitive data should not be used in the ARG or ENV commands",
    "InvalidDefaultArgInFrom":
        "Default value for global ARG results in an empty or invalid base image name",
    "FromPlatformFlagConstDisallowed": "FROM --platform flag should not use a constant value",
    "CopyIgnoredFile": "Attempting to Copy file that is excluded by .dockerignore",
    "InvalidDefinitionDescription":
        "Comment for build stage or argument should follow the format: `# <arg/stage name> <description>`. "
        "If this is not intended to be a description comment, add an empty line or comment between the "
        "instruction and the comment.",
    "ExposeProtoCasing": "Protocol in EXPOSE instruction should be lowercase",
    "ExposeInvalidFormat":
        "IP address and host-port mapping should not be used in EXPOSE instruction. This will become an error "
        "in a future release",
}  # fmt: skip

EXPERIMENTAL = frozenset({"InvalidDefinitionDescription"})
"""Rules that only count when they are asked for."""


def url_of(rule: str) -> str:
    """Where a rule is explained; "" for the one that Docker does not document."""
    if rule == "InvalidBaseImagePlatform":
        return ""
    words = "".join(f"-{letter.lower()}" if _begins(rule, place) else letter.lower()
                    for place, letter in enumerate(rule))  # fmt: skip
    return f"{_DOCS}{words}/"


def _begins(rule: str, place: int) -> bool:
    """Whether a word begins here: at a capital before a small letter, or after one."""
    if place == 0 or not rule[place].isupper():
        return False
    return rule[place - 1].islower() or rule[place + 1 : place + 2].islower()


class Finding(Struct):
    """One thing that a rule found.

    Attributes:
        rule: the rule's name.
        message: what it found.
        start: first line concerned.
        end: last line concerned.
    """

    rule: str
    message: str
    start: int
    end: int

    @property
    def description(self) -> str:
        """What the rule says."""
        return DESCRIPTIONS[self.rule]

    @property
    def url(self) -> str:
        """Where the rule is explained."""
        return url_of(self.rule)


class Options(Struct):
    """Which rules count.

    Attributes:
        skip: names of rules that do not.
        skip_all: whether none does, but experimental ones that are asked for.
        experimental: names of experimental rules that do.
        experimental_all: whether all of them do.
        error: whether findings make a build fail.
    """

    skip: frozenset[str] = frozenset()
    skip_all: bool = False
    experimental: frozenset[str] = frozenset()
    experimental_all: bool = False
    error: bool = False

    def counts(self, rule: str) -> bool:
        """Whether a rule does."""
        if rule in EXPERIMENTAL:
            return self.experimental_all or rule in self.experimental
        return not (self.skip_all or rule in self.skip)

    def merged(self, other: Options) -> Options:
        """These, and what a comment above an instruction says; that cannot make findings errors."""
        return self.replace(
            skip=self.skip | other.skip,
            skip_all=self.skip_all or other.skip_all,
            experimental=self.experimental | other.experimental,
            experimental_all=self.experimental_all or other.experimental_all,
        )


def parse_options(text: str) -> Options:
    """Read `skip=RULE,…|all;experimental=RULE,…|all;error=BOOL`.

    Raises:
        DockerfileError: an option is unknown or has no value.
    """
    options = Options()
    for part in text.strip().split(";", _MOST_OPTIONS - 1) if text.strip() else ():
        name, equals, value = part.partition("=")
        name, value = name.strip(), value.strip()
        if not equals:
            raise DockerfileError(f'invalid check option "{part}"')
        rules = frozenset(rule.strip() for rule in value.split(","))
        if name == "skip":
            options = options.replace(skip=frozenset(), skip_all=True) if value == "all" else (
                options.replace(skip=rules)
            )  # fmt: skip
        elif name == "experimental":
            everything = value == "all"
            options = options.replace(
                experimental=frozenset() if everything else rules, experimental_all=everything
            )
        elif name == "error":
            if value not in _TRUE | _FALSE:
                raise DockerfileError(f'failed to parse check option "{part}": "{value}" is no boolean')
            options = options.replace(error=value in _TRUE)
        else:
            raise DockerfileError(f'invalid check option "{name}"')
    return options


class Findings:
    """Gathers what rules find."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.found: list[Finding] = []

    def options_at(self, comments: tuple[str, ...]) -> Options:
        """The options with those of a comment `# check=skip=…` above an instruction."""
        from rocker.images.builder.directives import directive_of

        for comment in comments:
            if (value := directive_of("check", "#" + comment)) is not None:
                try:
                    return self.options.merged(parse_options(value))
                except DockerfileError:
                    return self.options
        return self.options

    def add(self, rule: str, message: str, place: tuple[int, int], options: Options | None = None) -> None:
        """Note a finding, if its rule counts."""
        if (options or self.options).counts(rule):
            self.found.append(Finding(rule, message, *place))
