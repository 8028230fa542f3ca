"""Flags with the syntax and the messages of Docker's command line (Go's pflag).

Unlike click's parser: `-itd` and `-m64m` beside `--rm=false` on one command, the first wrong value refused in the order
typed, and texts that scripts know. Nor is click imported, which takes longer than all else: only `completion` needs it.
"""

from __future__ import annotations

from rocker.errors import InvalidArgumentError
from rocker.parse.number import parse_bool, quote

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any


class Flag:
    """One flag, for example `Flag("-m", "--memory", kind="bytes", parse=parse_size, help="Memory limit")`.

    Attributes:
        names: as they are typed: a short one, if there is any, and long ones.
        help: its line in the help.
        hidden: whether the help leaves it out.
        kind: the word for its value in the help; empty for a switch.
        parse: from the text typed to the value.
        many: whether it may be repeated; its value is a list then.
        hidden_default: the value when it is absent.
        offers: for completion, what the value begins with where it is `NAME=…`.
    """

    def __init__(
        self,
        *names: str,
        help: str,  # noqa: A002 -- the word for it
        kind: str = "",
        parse: Callable[[str], Any] | None = None,
        many: bool = False,
        default: Any = None,
        hidden: bool = False,
        offers: Sequence[str] = (),
    ) -> None:
        self.names = names
        self.help = help
        self.hidden = hidden
        self.kind = kind
        self.parse = parse or (str if kind else parse_bool)
        self.many = many
        self.offers = offers
        self.hidden_default = default if kind else bool(default)
        self.long = next(name for name in names if name.startswith("--"))
        self.short = next((name for name in names if not name.startswith("--")), "")

    @property
    def key(self) -> str:
        """The flag's name in the values handed to the command: `cap_add` of `--cap-add`."""
        return self.long[2:].replace("-", "_")

    @property
    def label(self) -> str:
        """As it is named in messages: `-m, --memory`."""
        return f"{self.short}, {self.long}" if self.short else self.long


class FlagError(InvalidArgumentError):
    """The command line itself is wrong; shown as it is, with a pointer to the help. Exit code 125."""


class HelpRequested(Exception):  # noqa: N818 -- no error
    """`--help` was among the flags."""


class FlagParser:
    """Reads flags from the front of a command line."""

    def __init__(self, flags: Sequence[Flag], *, interspersed: bool) -> None:
        self._long = {name: flag for flag in flags for name in flag.names if name.startswith("--")}
        self._short = {flag.short[1]: flag for flag in flags if flag.short}
        self._interspersed = interspersed
        self.values: dict[str, Any] = {flag.key: [] if flag.many else flag.hidden_default for flag in flags}
        self.given: set[str] = set()

    def parse(self, arguments: Sequence[str]) -> list[str]:
        """Fill `values` and return what are no flags. Raises FlagError, HelpRequested."""
        waiting = list(reversed(arguments))
        positional: list[str] = []
        while waiting:
            word = waiting.pop()
            if word == "--":
                break
            if len(word) < 2 or word[0] != "-":  # noqa: PLR2004 -- a dash and more
                positional.append(word)
                if not self._interspersed:
                    break
            elif word.startswith("--"):
                self._read_long(word, waiting)
            else:
                self._read_cluster(word, waiting)
        return positional + waiting[::-1]

    def _read_long(self, word: str, waiting: list[str]) -> None:
        name, equals, value = word.partition("=")
        if len(name) == 2 or name[2] == "-":  # noqa: PLR2004 -- the dashes alone
            raise FlagError(f"bad flag syntax: {word}")
        flag = self._long.get(name)
        if flag is None:
            if name == "--help":
                raise HelpRequested
            raise FlagError(f"unknown flag: {name}")
        if not equals:
            if not flag.kind:
                value = "true"
            elif waiting:
                value = waiting.pop()
            else:
                raise FlagError(f"flag needs an argument: {name}")
        self._set(flag, value)

    def _read_cluster(self, word: str, waiting: list[str]) -> None:
        rest = word[1:]
        while rest:
            letter, rest = rest[0], rest[1:]
            flag = self._short.get(letter)
            if flag is None:
                if letter == "h":
                    raise HelpRequested
                raise FlagError(f"unknown shorthand flag: '{letter}' in -{letter}{rest}")
            if rest.startswith("=") and len(rest) > 1:
                value, rest = rest[1:], ""
            elif not flag.kind:
                value = "true"
            elif rest:
                value, rest = rest, ""
            elif waiting:
                value = waiting.pop()
            else:
                raise FlagError(f"flag needs an argument: '{letter}' in {word}")
            self._set(flag, value)

    def _set(self, flag: Flag, text: str) -> None:
        try:
            value = flag.parse(text)
        except InvalidArgumentError as error:
            raise FlagError(
                f"invalid argument {quote(text)} for {quote(flag.label)} flag: {error}", hint=error.hint
            ) from error
        self.given.add(flag.key)
        if flag.many:
            self.values[flag.key].append(value)
        else:
            self.values[flag.key] = value
