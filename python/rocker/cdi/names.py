"""`vendor.com/class=name`: what a CDI device is called."""

from __future__ import annotations

from rocker.errors import InvalidArgumentError


def is_qualified(text: str) -> bool:
    """Tell whether a text names a CDI device in full."""
    try:
        split(text)
    except InvalidArgumentError:
        return False
    return True


def split(text: str) -> tuple[str, str]:
    """Return kind and name of a device: `vendor.com/class`, `name`.

    Raises:
        InvalidArgumentError: the text is no such name, and why.
    """
    kind, equals, name = text.partition("=")
    vendor, slash, group = kind.partition("/")
    wrong = f'unqualified CDI device "{text}"'
    if not equals or not slash:
        raise InvalidArgumentError(
            f"{wrong}: it is not of the form vendor.com/class=name", hint="for example nvidia.com/gpu=0"
        )
    try:
        check_kind(kind)
        check_name(name)
    except InvalidArgumentError as error:
        raise InvalidArgumentError(f"{wrong}: {error.message}") from None
    return f"{vendor}/{group}", name


def check_kind(kind: str) -> None:
    """Refuse what is no `vendor.com/class`.

    Raises:
        InvalidArgumentError: so it is.
    """
    vendor, slash, group = kind.partition("/")
    if not slash:
        raise InvalidArgumentError(f'kind "{kind}" is not of the form vendor.com/class')
    _check("vendor", vendor, letter_first=True, inside="_-.")
    _check("class", group, letter_first=True, inside="_-.")


def check_name(name: str) -> None:
    """Refuse what is no device's name within its kind.

    Raises:
        InvalidArgumentError: so it is.
    """
    _check("device name", name, letter_first=False, inside="_-.:")


def _check(what: str, text: str, *, letter_first: bool, inside: str) -> None:
    wrong = f'invalid {what} "{text}"'
    if not text:
        raise InvalidArgumentError(f"{wrong}: it is empty")
    if not text.isascii():
        raise InvalidArgumentError(f"{wrong}: letters, digits and {inside} alone are allowed")
    if letter_first and not text[0].isalpha():
        raise InvalidArgumentError(f"{wrong}: it should start with a letter")
    if not text[0].isalnum():
        raise InvalidArgumentError(f"{wrong}: it should start with a letter or digit")
    if not text[-1].isalnum():
        raise InvalidArgumentError(f"{wrong}: it should end with a letter or digit")
    if not all(letter.isalnum() or letter in inside for letter in text):
        raise InvalidArgumentError(f"{wrong}: letters, digits and {inside} alone are allowed")
