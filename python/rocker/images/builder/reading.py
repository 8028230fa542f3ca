"""From a line to a typed instruction, with BuildKit's words for what is wrong."""

from __future__ import annotations

from rocker.errors import InvalidArgumentError
from rocker.images.builder import instructions as typed
from rocker.images.builder.characters import BLANKS
from rocker.images.builder.errors import DockerfileError
from rocker.images.builder.heredoc import parse_heredoc
from rocker.images.builder.lines import KEYWORDS
from rocker.images.builder.reading_flags import Flags
from rocker.images.builder.suggest import did_you_mean
from rocker.parse.number import quote

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NoReturn

    from rocker.images.builder.heredoc import Heredoc
    from rocker.images.builder.lines import Line

_STAGE_FIRST = frozenset("abcdefghijklmnopqrstuvwxyz")
_STAGE_REST = _STAGE_FIRST | frozenset("0123456789-_.")
_NAMED_WORDS = 3
_FEWEST_FILES = 2
_MILLISECOND = 1_000_000
NETWORKS = ("default", "none", "host")
SECURITY = ("sandbox", "insecure")


def read_instruction(line: Line) -> typed.Instruction:
    """The instruction that a line is.

    Raises:
        DockerfileError: it is none, or a wrong one; with its place.
    """
    read = _READERS.get(line.keyword.upper(), _unknown)
    try:
        return read(line, _origin(line))
    except DockerfileError as error:
        raise error.at(line.start, line.end, line.text.strip(BLANKS)) from error.__cause__
    except InvalidArgumentError as error:
        wrong = DockerfileError(error.message, hint=error.hint)
        raise wrong.at(line.start, line.end, line.text.strip(BLANKS)) from error


def _unknown(line: Line, _origin: typed.Origin) -> NoReturn:
    suggestion = did_you_mean(line.keyword, KEYWORDS, case=False)
    raise DockerfileError(f"unknown instruction: {line.keyword}{suggestion}")


def _origin(line: Line) -> typed.Origin:
    return typed.Origin(line.keyword, line.text.strip(BLANKS), line.start, line.end, line.comments)


def _one(line: Line, name: str) -> str:
    if len(line.words) != 1:
        raise DockerfileError(f"{name} requires exactly one argument")
    return line.words[0]


def _some(line: Line, name: str) -> tuple[str, ...]:
    if not line.words:
        raise DockerfileError(f"{name} requires at least one argument")
    return line.words


def _pairs(line: Line, name: str) -> tuple[typed.Pair, ...]:
    Flags(line.flags)
    words = _some(line, name)
    if not all(words[::3]):
        raise DockerfileError(f"{name} names can not be blank")
    return tuple(
        typed.Pair(words[place], words[place + 1], old=not words[place + 2])
        for place in range(0, len(words), 3)
    )


def _env(line: Line, origin: typed.Origin) -> typed.Env:
    return typed.Env(origin, _pairs(line, "ENV"))


def _label(line: Line, origin: typed.Origin) -> typed.Label:
    return typed.Label(origin, _pairs(line, "LABEL"))


def _maintainer(line: Line, origin: typed.Origin) -> typed.Maintainer:
    name = _one(line, "MAINTAINER")
    Flags(line.flags)
    return typed.Maintainer(origin, name)


def _workdir(line: Line, origin: typed.Origin) -> typed.Workdir:
    path = _one(line, "WORKDIR")
    Flags(line.flags)
    return typed.Workdir(origin, path)


def _user(line: Line, origin: typed.Origin) -> typed.User:
    user = _one(line, "USER")
    Flags(line.flags)
    return typed.User(origin, user)


def _stop_signal(line: Line, origin: typed.Origin) -> typed.StopSignal:
    return typed.StopSignal(origin, _one(line, "STOPSIGNAL"))


def _expose(line: Line, origin: typed.Origin) -> typed.Expose:
    ports = _some(line, "EXPOSE")
    Flags(line.flags)
    return typed.Expose(origin, tuple(sorted(ports)))


def _volume(line: Line, origin: typed.Origin) -> typed.Volume:
    paths = tuple(path.strip(BLANKS) for path in _some(line, "VOLUME"))
    Flags(line.flags)
    if not all(paths):
        raise DockerfileError("VOLUME specified can not be an empty string")
    return typed.Volume(origin, paths)


def _from(line: Line, origin: typed.Origin) -> typed.From:
    words = line.words
    name = ""
    if len(words) == _NAMED_WORDS and words[1].lower() == "as":
        name = words[2].lower()
        if not name or name[0] not in _STAGE_FIRST or not _STAGE_REST.issuperset(name):
            raise DockerfileError(
                f"invalid name for build stage: {quote(words[2])}, "
                "name can't start with a number or contain symbols"
            )
    elif len(words) != 1:
        raise DockerfileError("FROM requires either one or three arguments")
    flags = Flags(line.flags, texts=["platform"])
    return typed.From(origin, words[0], name, flags.text("platform"), description(line.comments, name))


def description(comments: tuple[str, ...], name: str) -> str:
    """What the comments say about this name: the rest of the first that begins with it."""
    if not name:
        return ""
    return next((line[len(name) + 1 :] for line in comments if line.startswith(name + " ")), "")


def _arg(line: Line, origin: typed.Origin) -> typed.Arg:
    arguments = []
    for word in _some(line, "ARG"):
        name, equals, value = word.partition("=")
        if not name:
            raise DockerfileError("ARG names can not be blank")
        arguments.append(typed.Argument(name, value if equals else None, description(line.comments, name)))
    return typed.Arg(origin, tuple(arguments))


def _command(line: Line, words: tuple[str, ...], heredocs: tuple[Heredoc, ...] = ()) -> typed.Command:
    if words and not line.json:
        words = (" ".join(words),)
    return typed.Command(words, not line.json, heredocs)


def _run(line: Line, origin: typed.Origin) -> typed.Run:
    from rocker.images.builder.run_mount import check_mount, parse_device

    flags = Flags(line.flags, texts=["network", "security"], lists=["mount", "device"])
    devices = tuple(parse_device(device) for device in flags.list("device"))
    mounts = flags.list("mount")
    for mount in mounts:
        check_mount(mount)
    network = flags.text("network", NETWORKS[0])
    if network not in NETWORKS:
        raise DockerfileError(f"invalid network mode {quote(network)}", hint="one of " + ", ".join(NETWORKS))
    security = flags.text("security", SECURITY[0])
    if security not in SECURITY:
        raise DockerfileError(
            f"security {quote(security)} is not valid", hint="one of " + ", ".join(SECURITY)
        )
    return typed.Run(origin, _command(line, line.words, line.heredocs), mounts, network, security, devices)


def _cmd(line: Line, origin: typed.Origin) -> typed.Cmd:
    Flags(line.flags)
    return typed.Cmd(origin, _command(line, line.words))


def _entrypoint(line: Line, origin: typed.Origin) -> typed.Entrypoint:
    Flags(line.flags)
    return typed.Entrypoint(origin, _command(line, line.words))


def _shell(line: Line, origin: typed.Origin) -> typed.Shell:
    Flags(line.flags)
    words = _some(line, "SHELL")
    if not line.json:
        raise DockerfileError("SHELL requires the arguments to be in JSON form")
    return typed.Shell(origin, words)


def _split_files(line: Line, name: str) -> tuple[tuple[str, ...], tuple[Heredoc, ...], str]:
    """Sources, documents and target."""
    *sources, target = line.words
    if _opens(target) is not None:
        raise DockerfileError(f"{name} cannot accept a heredoc as a destination")
    contents = {heredoc.name: heredoc.content for heredoc in line.heredocs}
    paths: list[str] = []
    documents: list[Heredoc] = []
    for source in sources:
        opened = _opens(source)
        if opened is None:
            paths.append(source)
        else:
            documents.append(opened.replace(content=contents.get(opened.name, "")))
    return tuple(paths), tuple(documents), target


def _opens(word: str) -> Heredoc | None:
    try:
        return parse_heredoc(word)
    except DockerfileError:
        return None


def _enough_files(line: Line, name: str) -> None:
    if len(line.words) < _FEWEST_FILES:
        raise DockerfileError(
            f"{name} requires at least two arguments, but only one was provided. "
            "Destination could not be determined"
        )


def _copy(line: Line, origin: typed.Origin) -> typed.Copy:
    _enough_files(line, "COPY")
    flags = Flags(
        line.flags, texts=["chown", "from", "chmod"], lists=["exclude"], switches=["link", "parents"]
    )
    sources, documents, target = _split_files(line, "COPY")
    return typed.Copy(
        origin, sources, documents, target,
        chown=flags.text("chown"), chmod=flags.text("chmod"), link=bool(flags.switch("link")),
        exclude=flags.list("exclude"), stage=flags.text("from"), parents=bool(flags.switch("parents")),
    )  # fmt: skip


def _add(line: Line, origin: typed.Origin) -> typed.Add:
    _enough_files(line, "ADD")
    flags = Flags(
        line.flags,
        texts=["chown", "chmod", "checksum"],
        lists=["exclude"],
        switches=["link", "keep-git-dir", "unpack"],
    )
    sources, documents, target = _split_files(line, "ADD")
    return typed.Add(
        origin, sources, documents, target,
        chown=flags.text("chown"), chmod=flags.text("chmod"), link=bool(flags.switch("link")),
        exclude=flags.list("exclude"), checksum=flags.text("checksum"),
        keep_git=flags.switch("keep-git-dir"), unpack=flags.switch("unpack"),
    )  # fmt: skip


def _healthcheck(line: Line, origin: typed.Origin) -> typed.Healthcheck:
    kind, *rest = _some(line, "HEALTHCHECK")
    kind = kind.upper()
    if kind == "NONE":
        if rest:
            raise DockerfileError("HEALTHCHECK NONE takes no arguments")
        return typed.Healthcheck(origin, ("NONE",))
    flags = Flags(line.flags, texts=["interval", "timeout", "start-period", "start-interval", "retries"])
    if kind != "CMD":
        raise DockerfileError(f"Unknown type {quote(kind)} in HEALTHCHECK (try CMD)")
    command = _command(line, tuple(rest))
    if not command.words:
        raise DockerfileError("Missing command after HEALTHCHECK CMD")
    return typed.Healthcheck(
        origin,
        ("CMD-SHELL" if command.shell else "CMD", *command.words),
        interval=_interval(flags, "interval"),
        timeout=_interval(flags, "timeout"),
        start_period=_interval(flags, "start-period"),
        start_interval=_interval(flags, "start-interval"),
        retries=_retries(flags.text("retries")),
    )


def _interval(flags: Flags, name: str) -> int:
    from rocker.parse.duration import parse_duration

    text = flags.text(name)
    duration = parse_duration(text) if text else 0
    if duration and duration < _MILLISECOND:
        raise DockerfileError(f'Interval "{name}" cannot be less than 1ms')
    return duration


def _retries(text: str) -> int:
    from rocker.parse.number import parse_int

    retries = parse_int(text, base=10, bits=32) if text else 0
    if retries < 0:
        raise DockerfileError(f"--retries cannot be negative ({retries})")
    return retries


def _onbuild(line: Line, origin: typed.Origin) -> typed.OnBuild:
    trigger = _some(line, "ONBUILD")[0].upper()
    Flags(line.flags)
    if trigger == "ONBUILD":
        raise DockerfileError("Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed")
    if trigger in ("MAINTAINER", "FROM"):
        raise DockerfileError(f"{trigger} isn't allowed as an ONBUILD trigger")
    text = line.text.lstrip("\t\n\f\r ")[len("ONBUILD") :].lstrip("\t\n\f\r ")
    documents = "".join(f"\n{heredoc.content}{heredoc.name}" for heredoc in line.heredocs)
    return typed.OnBuild(origin, text + documents)


_READERS: dict[str, Callable[[Line, typed.Origin], typed.Instruction]] = {
    "ADD": _add,
    "ARG": _arg,
    "CMD": _cmd,
    "COPY": _copy,
    "ENTRYPOINT": _entrypoint,
    "ENV": _env,
    "EXPOSE": _expose,
    "FROM": _from,
    "HEALTHCHECK": _healthcheck,
    "LABEL": _label,
    "MAINTAINER": _maintainer,
    "ONBUILD": _onbuild,
    "RUN": _run,
    "SHELL": _shell,
    "STOPSIGNAL": _stop_signal,
    "USER": _user,
    "VOLUME": _volume,
    "WORKDIR": _workdir,
}
