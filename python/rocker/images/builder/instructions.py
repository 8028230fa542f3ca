"""The instructions of a Dockerfile, typed. Words in them are as written: `expand` puts the values of variables in.

Reference: https://docs.docker.com/reference/dockerfile/.
"""

from __future__ import annotations

from rocker.models.struct import Struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from rocker.images.builder.heredoc import Heredoc


class Origin(Struct):
    """Where an instruction is from.

    Attributes:
        keyword: its first word as written.
        text: the logical line, without blanks around it.
        start: its first line, from 1.
        end: its last line.
        comments: those just above it.
        trigger: whether it is an `ONBUILD` of the stage's base; its lines are then those of the stage's `FROM`.
    """

    keyword: str
    text: str
    start: int
    end: int
    comments: tuple[str, ...] = ()
    trigger: bool = False


class Instruction(Struct):
    """Base of all instructions."""

    origin: Origin


class Pair(Struct):
    """One `name=value`; `old` is whether it was written `name value`."""

    name: str
    value: str
    old: bool = False


class Argument(Struct):
    """One name of an `ARG`, its default if it has one, and what the comment above says about it."""

    name: str
    default: str | None = None
    description: str = ""


class Command(Struct):
    """What is to be run.

    Attributes:
        words: the words of the JSON form, or the one string of the shell form; empty when nothing was given.
        shell: whether it is the shell form, which `SHELL` goes before.
        heredocs: documents that a shell form of `RUN` opens.
    """

    words: tuple[str, ...]
    shell: bool
    heredocs: tuple[Heredoc, ...] = ()


class From(Instruction):
    """`FROM [--platform=P] BASE [AS NAME]`.

    Attributes:
        base: image, stage or `scratch`.
        name: in lower case, or "".
        platform: or "".
        description: what the comment above says about the stage.
    """

    base: str
    name: str = ""
    platform: str = ""
    description: str = ""


class Arg(Instruction):
    """`ARG NAME[=DEFAULT]…`."""

    arguments: tuple[Argument, ...]


class Env(Instruction):
    """`ENV NAME=VALUE…`."""

    pairs: tuple[Pair, ...]


class Label(Instruction):
    """`LABEL NAME=VALUE…`."""

    pairs: tuple[Pair, ...]


class Run(Instruction):
    """`RUN [--mount=…]… [--network=…] [--security=…] [--device=…]… COMMAND`.

    Attributes:
        command: what to run.
        mounts: the values of `--mount`; `run_mount` reads them, and may only with the values of variables.
        network: `default`, `none` or `host`.
        security: `sandbox` or `insecure`.
        devices: CDI devices.
    """

    command: Command
    mounts: tuple[str, ...] = ()
    network: str = "default"
    security: str = "sandbox"
    devices: tuple[RunDevice, ...] = ()


class RunDevice(Struct):
    """One `--device` of a `RUN`: the name of a CDI device or class, and whether the build fails without it."""

    name: str
    required: bool = False


class Files(Instruction):
    """What `COPY` and `ADD` have in common.

    Attributes:
        sources: paths, wildcards or URLs.
        documents: heredocs to be written as files of their names.
        target: path in the image; a directory where it ends with `/`, or where there are several sources.
        chown: `USER[:GROUP]` by name or number, or "".
        chmod: octal or symbolic mode, or "".
        link: whether the files are a layer that does not depend on those below.
        exclude: patterns of what is left out.
    """

    sources: tuple[str, ...]
    documents: tuple[Heredoc, ...]
    target: str
    chown: str = ""
    chmod: str = ""
    link: bool = False
    exclude: tuple[str, ...] = ()


class Copy(Files):
    """`COPY [--from=…] [--parents] SOURCE… TARGET`.

    Attributes:
        stage: value of `--from`: a stage's name or number, an image, a named context; or "".
        parents: whether the directories above a source are made too.
    """

    stage: str = ""
    parents: bool = False


class Add(Files):
    """`ADD SOURCE… TARGET`.

    Attributes:
        checksum: digest that the one remote source must have, or "".
        keep_git: whether `.git` of a repository is kept; None when not said.
        unpack: whether archives are unpacked; None when not said: local ones are, remote ones are not.
    """

    checksum: str = ""
    keep_git: bool | None = None
    unpack: bool | None = None


class Workdir(Instruction):
    """`WORKDIR PATH`."""

    path: str


class User(Instruction):
    """`USER USER[:GROUP]`."""

    user: str


class Expose(Instruction):
    """`EXPOSE PORT[-PORT][/PROTOCOL]…`, sorted; `ports.exposed` reads them when variables have their values."""

    ports: tuple[str, ...]


class Volume(Instruction):
    """`VOLUME PATH…`."""

    paths: tuple[str, ...]


class Cmd(Instruction):
    """`CMD COMMAND`."""

    command: Command


class Entrypoint(Instruction):
    """`ENTRYPOINT COMMAND`."""

    command: Command


class Shell(Instruction):
    """`SHELL ["PROGRAM", "ARGUMENT"…]`."""

    words: tuple[str, ...]


class StopSignal(Instruction):
    """`STOPSIGNAL SIGNAL`."""

    signal: str


class Healthcheck(Instruction):
    """`HEALTHCHECK NONE`, or `HEALTHCHECK [OPTION]… CMD COMMAND`.

    Attributes:
        test: the image configuration's `Test`: `NONE`, or `CMD` or `CMD-SHELL` and what to run.
        interval: nanoseconds, like the three below; 0 where not given.
        timeout: of one probe.
        start_period: in which failures do not count.
        start_interval: between probes in that time.
        retries: failures that make unhealthy; 0 where not given.
    """

    test: tuple[str, ...]
    interval: int = 0
    timeout: int = 0
    start_period: int = 0
    start_interval: int = 0
    retries: int = 0


class OnBuild(Instruction):
    """`ONBUILD INSTRUCTION`; `instruction` is its text, with its heredocs."""

    instruction: str


class Maintainer(Instruction):
    """`MAINTAINER NAME`, which is deprecated."""

    name: str
