"""Tokens of a template."""

from __future__ import annotations

import re
from typing import NamedTuple

from rocker.errors import InvalidArgumentError

_BLANKS = " \t\r\n"
_SIMPLE = {"|": "pipe", "(": "(", ")": ")", ",": ",", "=": "=", ".": "."}
_KEYWORDS = frozenset(
    ["if", "else", "end", "range", "with", "nil", "define", "template", "block", "break", "continue"]
)
_NUMBER = re.compile(
    r"[+-]?(?:0[xX][0-9a-fA-F_]+|0[bB][01_]+|0[oO][0-7_]+|(?:\d[\d_]*\.?[\d_]*|\.\d[\d_]*)(?:[eE][+-]?\d+)?)",
    re.ASCII,
)
_NAME = re.compile(r"[^\W\d]\w*")
_QUOTED = re.compile(r'"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'')


class Token(NamedTuple):
    """A piece of the template; `position` counts characters from the start of the text."""

    kind: str
    text: str
    position: int


def syntax_error(text: str, position: int, reason: str) -> InvalidArgumentError:
    """An error with the line it is on, as Go writes it."""
    return InvalidArgumentError(f"template: :{text.count(chr(10), 0, position) + 1}: {reason}")


def tokenize(text: str) -> list[Token]:
    """Every token, then `eof`, or `error` where the text makes no sense: what is before it may be wrong too.

    Kinds: text, {{, }}, space, name, keyword, field, variable, number, string, raw, char, bool, pipe, (, ),
    `,`, =, :=, dot, other, eof, error.
    """
    tokens: list[Token] = []
    try:
        _scan(text, tokens)
    except InvalidArgumentError as error:
        tokens.append(Token("error", str(error), len(text)))
    return tokens


def _scan(text: str, tokens: list[Token]) -> None:
    position, trim = 0, False
    while True:
        opening = text.find("{{", position)
        end = len(text) if opening == -1 else opening
        piece = text[position:end]
        start = position
        if trim:
            start += len(piece) - len(piece.lstrip(_BLANKS))
            piece = piece.lstrip(_BLANKS)
        if opening != -1 and _trims_left(text, opening):
            piece = piece.rstrip(_BLANKS)
        if piece:
            tokens.append(Token("text", piece, start))
        if opening == -1:
            tokens.append(Token("eof", "", len(text)))
            return
        position, trim = _action(text, opening, tokens)


def _trims_left(text: str, opening: int) -> bool:
    return text.startswith("-", opening + 2) and text[opening + 3 : opening + 4] in tuple(_BLANKS)


def _action(text: str, opening: int, tokens: list[Token]) -> tuple[int, bool]:
    """Read one `{{…}}`; the position after it, and whether it trims what follows."""
    position = opening + (3 if _trims_left(text, opening) else 2)
    comment = position + (1 if _trims_left(text, opening) else 0)
    if text.startswith("/*", comment):
        return _comment(text, comment)
    tokens.append(Token("{{", "{{", opening))
    depth = 0
    while True:
        closing = _closing(text, position)
        if closing:
            if depth:
                raise syntax_error(text, position, "unclosed left paren")
            tokens.append(Token("}}", "}}", position))
            return position + closing, closing > 2  # noqa: PLR2004 -- more than the braces
        if position >= len(text):
            raise syntax_error(text, opening, "unclosed action")
        token, position = _token(text, position)
        depth += (token.kind == "(") - (token.kind == ")")
        if depth < 0:
            raise syntax_error(text, position, "unexpected right paren")
        tokens.append(token)


def _closing(text: str, position: int) -> int:
    """The length of `}}` or ` -}}` at this position, or 0."""
    if text.startswith("}}", position):
        return 2
    if text[position : position + 1] in tuple(_BLANKS) and text.startswith("-}}", position + 1):
        return 4
    return 0


def _comment(text: str, start: int) -> tuple[int, bool]:
    end = text.find("*/", start + 2)
    if end == -1:
        raise syntax_error(text, start, "unclosed comment")
    closing = _closing(text, end + 2)
    if not closing:
        raise syntax_error(text, start, "comment ends before closing delimiter")
    return end + 2 + closing, closing > 2  # noqa: PLR2004 -- more than the braces


def _token(text: str, position: int) -> tuple[Token, int]:
    letter = text[position]
    if letter in _BLANKS:
        end = position
        while end < len(text) and text[end] in _BLANKS and not _closing(text, end):
            end += 1
        return Token("space", text[position:end], position), end
    if text.startswith(":=", position):
        return Token(":=", ":=", position), position + 2
    if letter in ('"', "'"):
        return _quoted(text, position)
    if letter == "`":
        end = text.find("`", position + 1)
        if end == -1:
            raise syntax_error(text, position, "unterminated raw quoted string")
        return Token("raw", text[position : end + 1], position), end + 1
    if letter in ("$", "."):
        name = _NAME.match(text, position + 1)
        if letter == "$" or name:
            end = name.end() if name else position + 1
            return _ended(
                text, Token("variable" if letter == "$" else "field", text[position:end], position), end
            )
    return _word(text, position)


def _quoted(text: str, position: int) -> tuple[Token, int]:
    match = _QUOTED.match(text, position)
    character = text[position] == "'"
    if match is None:
        what = "character constant" if character else "quoted string"
        raise syntax_error(text, position, f"unterminated {what}")
    return Token("char" if character else "string", match[0], position), match.end()


def _word(text: str, position: int) -> tuple[Token, int]:
    letter = text[position]
    signed = letter in "+-" and text[position + 1 : position + 2].isdecimal()
    if letter.isdecimal() or signed or (letter == "." and text[position + 1 : position + 2].isdecimal()):
        match = _NUMBER.match(text, position)
        end = match.end() if match else position + 1
        if _NAME.match(text, end) or match is None:
            bad = re.compile(r"\w*").match(text, end)
            raise syntax_error(
                text, position, f'bad number syntax: "{text[position : bad.end() if bad else end]}"'
            )
        return Token("number", match[0], position), end
    if letter in _SIMPLE:
        kind = "dot" if letter == "." else _SIMPLE[letter]
        return Token(kind, letter, position), position + 1
    if match := _NAME.match(text, position):
        word = match[0]
        kind = "keyword" if word in _KEYWORDS else "bool" if word in ("true", "false") else "name"
        return _ended(text, Token(kind, word, position), match.end())
    if letter.isascii() and letter.isprintable():
        return Token("other", letter, position), position + 1
    raise syntax_error(text, position, f"unrecognized character in action: {_code(letter)}")


def _ended(text: str, token: Token, end: int) -> tuple[Token, int]:
    """Refuse a word that is not followed by something that may end it."""
    following = text[end : end + 1]
    if not following or following in " \t\r\n.,|:=)(" or text.startswith("}}", end):
        return token, end
    raise syntax_error(text, end, f"bad character {_code(following)}")


def _code(letter: str) -> str:
    return f"U+{ord(letter):04X} '{letter}'"
