"""The header `WWW-Authenticate` (RFC 9110, 11.6.1), parsed without regular expressions and with limits."""

from __future__ import annotations

_TOKEN = frozenset("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
_MAX = 8192
_MAX_CHALLENGES = 16


class Challenge:
    """One challenge: its scheme in lower case, and its parameters by lower-case name."""

    __slots__ = ("parameters", "scheme")

    def __init__(self, scheme: str, parameters: dict[str, str]) -> None:
        self.scheme = scheme
        self.parameters = parameters

    def __repr__(self) -> str:
        return f"Challenge({self.scheme!r}, {self.parameters!r})"


def parse(headers: list[str]) -> list[Challenge]:
    """All challenges of these headers; what cannot be understood ends the header it is in."""
    found: list[Challenge] = []
    for header in headers:
        if len(header) <= _MAX:
            found += _Parser(header).challenges()
    return found[:_MAX_CHALLENGES]


class _Parser:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def challenges(self) -> list[Challenge]:
        found: list[Challenge] = []
        while len(found) < _MAX_CHALLENGES:
            self._skip(" \t,")
            scheme = self._token()
            if not scheme:
                return found
            challenge = Challenge(scheme.lower(), {})
            found.append(challenge)
            self._parameters(challenge)
        return found

    def _parameters(self, challenge: Challenge) -> None:
        """`name=value` pairs up to the next word that has no value: the next challenge's scheme."""
        while True:
            self._skip(" \t,")
            start = self.at
            name = self._token()
            self._skip(" \t")
            if not name or self._peek() != "=":
                self.at = start
                return
            self.at += 1
            self._skip(" \t")
            value = self._quoted() if self._peek() == '"' else self._token()
            challenge.parameters.setdefault(name.lower(), value)

    def _peek(self) -> str:
        return self.text[self.at : self.at + 1]

    def _skip(self, letters: str) -> None:
        while self.at < len(self.text) and self.text[self.at] in letters:
            self.at += 1

    def _token(self) -> str:
        start = self.at
        while self.at < len(self.text) and self.text[self.at] in _TOKEN:
            self.at += 1
        return self.text[start : self.at]

    def _quoted(self) -> str:
        self.at += 1
        letters = []
        while self.at < len(self.text):
            letter = self.text[self.at]
            self.at += 1
            if letter == '"':
                break
            if letter == "\\" and self.at < len(self.text):
                letter = self.text[self.at]
                self.at += 1
            letters.append(letter)
        return "".join(letters)
