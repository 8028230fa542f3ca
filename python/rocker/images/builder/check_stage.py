"""The checks of one stage that need the values of variables: its instructions, one after the other."""

from __future__ import annotations

from rocker.errors import InvalidArgumentError
from rocker.images.builder import instructions as typed
from rocker.images.builder.errors import DockerfileError
from rocker.images.builder.expand import Expander
from rocker.images.builder.paths import clean, workdir
from rocker.images.builder.ports import exposed
from rocker.images.builder.run_mount import mount_target
from rocker.images.builder.scope import SETTINGS, Scope
from rocker.images.builder.sources import check_files, kind_of
from rocker.images.builder.suggest import did_you_mean
from rocker.models.struct import Struct
from rocker.parse.number import quote

TYPE_CHECKING = False
if TYPE_CHECKING:
    from rocker.images.builder.graph import Need, Node
    from rocker.images.builder.patterns import PatternMatcher
    from rocker.images.builder.platform import Platform
    from rocker.images.builder.rules import Findings, Options
    from rocker.images.builder.scope import Arguments

_SECRET = frozenset(
    ["apikey", "auth", "credential", "credentials", "key", "password", "pword", "passwd", "secret", "token"]
)
_PUBLIC = frozenset({"public", "file", "version"})
_EVERYTHING = ("*", "**", "**/*")


class Base(Struct):
    """What is to be known of a base image.

    Attributes:
        environment: its variables.
        workdir: its working directory.
        platform: what it is made for, or None where that is as wanted.
        shell: whether it has a `SHELL`.
        triggers: its `OnBuild`.
    """

    environment: dict[str, str] = {}
    workdir: str = "/"
    platform: Platform | None = None
    shell: bool = False
    triggers: tuple[str, ...] = ()


def is_secret(name: str) -> bool:
    """Whether a variable's name sounds like a secret: `DB_PASSWORD`, `api_key`; but not `KEY_FILE`."""
    words = set(name.lower().split("_"))
    return bool(words & _SECRET) and not words & _PUBLIC


class _State:
    """What a stage leaves to those that are based on it.

    Attributes:
        scope: its variables.
        known: whether all that is in its environment is known.
        shell: whether it has a `SHELL`.
        directory: its working directory.
        has_workdir: whether the Dockerfile has set that.
    """

    def __init__(self, image: Base | None, scope: Scope) -> None:
        self.scope = scope
        self.known = image is not None
        self.shell = image is not None and image.shell
        self.directory = "/" if image is None else image.workdir
        self.has_workdir = False

    def copy(self) -> _State:
        import copy

        return copy.copy(self)


def _environment(image: Base | None) -> dict[str, str] | None:
    return None if image is None else image.environment


class StageCheck:
    """One stage.

    Args:
        findings: where what is found goes.
        arguments: the build's.
        node: the stage.
        image: what is known of its base image; None when nothing is.
        base: the check of the stage that it is based on, which was run.
        ignored: the patterns of `.dockerignore`.
    """

    def __init__(
        self,
        findings: Findings,
        arguments: Arguments,
        node: Node,
        *,
        image: Base | None = None,
        base: StageCheck | None = None,
        ignored: PatternMatcher | None = None,
    ) -> None:
        self._findings = findings
        self._options: Options = findings.options
        self._node = node
        self._ignored = ignored
        self._origin = node.stage.head.origin
        self._state = base.state_after() if base else _State(image, Scope(arguments, _environment(image)))
        if base is not None:
            self._state.scope = Scope(arguments, base=self._state.scope)
        self._scope = self._state.scope
        self._once: dict[type, tuple[int, int]] = {}
        self._expander = Expander(self._scope.values, arguments.escape, self._missed)

    def state_after(self) -> _State:
        """What a stage on this one begins with."""
        return self._state.copy()

    def run(self) -> None:
        """Check the instructions.

        Raises:
            DockerfileError: one cannot be built; with its place.
        """
        for instruction in self._node.instructions:
            origin = self._origin = instruction.origin
            self._options = self._findings.options_at(origin.comments)
            try:
                expanded = self._expander.instruction(instruction)
                self._values(expanded)
                self._settings(expanded)
            except DockerfileError as error:
                raise error.at(origin.start, origin.end, origin.text) from error.__cause__

    def _values(self, instruction: typed.Instruction) -> None:
        """What sets variables or uses files."""
        match instruction:
            case typed.Arg():
                self._arg(instruction)
            case typed.Env():
                self._env(instruction)
            case typed.Label():
                self._pairs(instruction.pairs)
            case typed.Run():
                self._run(instruction)
            case typed.Copy() | typed.Add():
                self._files(instruction)

    def _settings(self, instruction: typed.Instruction) -> None:
        """What says how a container is to run."""
        match instruction:
            case typed.Cmd() | typed.Entrypoint():
                self._command(instruction)
            case typed.Healthcheck():
                self._only_once(instruction)
            case typed.Expose():
                self._expose(instruction)
            case typed.Shell():
                self._state.shell = True
            case typed.StopSignal():
                self._signal(instruction)
            case typed.Volume() if not all(instruction.paths):
                raise DockerfileError("VOLUME specified can not be an empty string")
            case typed.Workdir():
                self._workdir(instruction)

    def _add(self, rule: str, message: str, place: tuple[int, int] | None = None) -> None:
        place = place or (self._origin.start, self._origin.end)
        self._findings.add(rule, message, place, self._options)

    def _missed(self, names: tuple[str, ...]) -> None:
        if not self._state.known:
            return
        for name in names:
            if name not in self._scope.arguments and name not in SETTINGS:
                near = did_you_mean(name, self._scope.values).replace("mean ", "mean $")
                self._add("UndefinedVar", f"Usage of undefined variable '${name}'{near}")

    def _pairs(self, pairs: tuple[typed.Pair, ...]) -> None:
        keyword = self._origin.keyword
        for pair in pairs:
            if pair.old:
                message = (
                    f'"{keyword} key=value" should be used instead of legacy "{keyword} key value" format'
                )
                self._add("LegacyKeyValueFormat", message)

    def _secret(self, keyword: str, name: str) -> None:
        if is_secret(name):
            message = f"Do not use ARG or ENV instructions for sensitive data ({keyword} {quote(name)})"
            self._add("SecretsUsedInArgOrEnv", message)

    def _env(self, env: typed.Env) -> None:
        for pair in env.pairs:
            self._pairs((pair,))
            self._secret("ENV", pair.name)
        self._scope.set(env)

    def _arg(self, arg: typed.Arg) -> None:
        for argument in arg.arguments:
            self._secret("ARG", argument.name)
            self._scope.declare(arg.replace(arguments=(argument,)), self._expander)

    def _run(self, run: typed.Run) -> None:
        mounts = self._expander.mounts(run)
        needs = iter(self._needs(run))
        for mount in mounts:
            if mount.stage:
                self._node.check_order(next(needs), mount.target)
            if mount.type in ("bind", "cache", "tmpfs"):
                mount_target(mount, self._state.directory)

    def _needs(self, instruction: typed.Instruction) -> list[Need]:
        return [need for need in self._node.needs if need.instruction.origin == instruction.origin]

    def _only_once(self, instruction: typed.Instruction) -> None:
        kind = type(instruction)
        if kind in self._once:
            keyword = self._origin.keyword
            message = (
                f"Multiple {keyword} instructions should not be used in the same stage "
                "because only the last one will be used"
            )
            self._add("MultipleInstructionsDisallowed", message, self._once[kind])
        self._once[kind] = (self._origin.start, self._origin.end)

    def _command(self, instruction: typed.Cmd | typed.Entrypoint) -> None:
        self._only_once(instruction)
        if instruction.command.shell and not self._state.shell:
            message = (
                f"JSON arguments recommended for {self._origin.keyword} to prevent unintended behavior "
                "related to OS signals"
            )
            self._add("JSONArgsRecommended", message)

    def _workdir(self, change: typed.Workdir) -> None:
        if not self._state.has_workdir and not change.path.startswith("/"):
            shown = quote(change.path)
            message = f"Relative workdir {shown} can have unexpected results if the base image changes"
            self._add("WorkdirRelativePath", message)
        self._state.has_workdir = True
        self._state.directory = workdir(self._state.directory, change.path)

    def _signal(self, signal: typed.StopSignal) -> None:
        from rocker.parse.signal import parse_signal

        try:
            parse_signal(signal.signal)
        except InvalidArgumentError as error:
            raise DockerfileError(f"invalid signal: {signal.signal}", hint=error.hint) from error

    def _expose(self, expose: typed.Expose) -> None:
        for word in expose.ports:
            found = exposed(word)
            if not found.lower:
                message = f"Defined protocol '{word}' in EXPOSE instruction should be lowercase"
                self._add("ExposeProtoCasing", message)
            if found.mapped:
                message = (
                    f"EXPOSE instruction should not define an IP address or host-port mapping, found '{word}'"
                )
                self._add("ExposeInvalidFormat", message)

    def _files(self, files: typed.Copy | typed.Add) -> None:
        for need in self._needs(files):
            self._node.check_order(need)
        check_files(files)
        # With a pattern that takes back, what is in an ignored directory may not be ignored.
        if self._ignored is None or self._ignored.negated or (isinstance(files, typed.Copy) and files.stage):
            return
        verb = "Add" if isinstance(files, typed.Add) else "Copy"
        for source in files.sources:
            if kind_of(source) == "local" and _is_ignored(self._ignored, clean(source)):
                message = (
                    f"Attempting to {verb} file {quote(clean(source))} that is excluded by .dockerignore"
                )
                self._add("CopyIgnoredFile", message)


def _is_ignored(ignored: PatternMatcher, source: str) -> bool:
    if source in (".", "/") and not any(pattern.text in _EVERYTHING for pattern in ignored.patterns):
        return False
    return ignored.matches(source)
