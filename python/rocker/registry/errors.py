"""What a registry answered instead of what was asked for.

Shape: https://github.com/opencontainers/distribution-spec/blob/main/spec.md#error-codes
"""

from __future__ import annotations

from rocker.errors import DeniedError, ImageNotFoundError, RegistryError, RockerError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from rocker.registry.transport import Response

_MAX_BODY = 64 << 10
_MAX_TEXT = 300
_UNAUTHORIZED, _FORBIDDEN, _NOT_FOUND, _TOO_MANY = 401, 403, 404, 429


class RefusedError(DeniedError):
    """The registry wants another user, or none at all.

    Attributes:
        code: the registry's word, `denied` or `unauthorized`.
    """

    code = "denied"


class MissingError(ImageNotFoundError):
    """The registry has no such manifest, blob or repository."""


class AnswerError(RegistryError):
    """The registry refused for another reason.

    Attributes:
        status: HTTP's.
    """

    status = 0


def answered(response: Response, asked: str) -> RockerError:
    """The error that an answer with a status of 400 or more is; the answer is closed.

    Args:
        response: the answer.
        asked: what was asked for, for a message.
    """
    with response:
        try:
            body = response.document(_MAX_BODY, "the registry's error")
        except RockerError:
            body = b""
    code, message = _first(body)
    status = response.status
    if status in (_UNAUTHORIZED, _FORBIDDEN):
        words = (
            ("unauthorized", "authentication required")
            if status == _UNAUTHORIZED
            else ("denied", "access denied")
        )
        error = RefusedError(f"{code or words[0]}: {message or words[1]}")
        error.code = code or words[0]
        return error
    if status == _NOT_FOUND:
        return MissingError(f"{code}: {message}" if code else f"{asked}: not found")
    if status == _TOO_MANY:
        return RegistryError(
            f"toomanyrequests: {message or 'too many requests'}", hint="wait, or log in: rocker login"
        )
    what = f"{code}: {message}" if code else message or f"status {status}"
    failure = AnswerError(f"{asked}: the registry answered {status}: {what}")
    failure.status = status
    return failure


def _first(body: bytes) -> tuple[str, str]:
    """Code in lower case with blanks, and message, of the first error; printable and short."""
    from rocker.models.jsontext import decode

    try:
        document = decode(body.decode())
    except (ValueError, RecursionError):
        return "", ""
    errors = document.get("errors") if isinstance(document, dict) else None
    if isinstance(errors, list) and errors and isinstance(errors[0], dict):
        code, message = errors[0].get("code"), errors[0].get("message")
        return _clean(code).lower().replace("_", " "), _clean(message)
    if isinstance(document, dict):
        return "", _clean(document.get("details") or document.get("message"))
    return "", ""


def _clean(value: object) -> str:
    """Text from outside for a terminal: nothing that moves its cursor."""
    text = value if isinstance(value, str) else ""
    return "".join(letter if letter.isprintable() else "?" for letter in text[:_MAX_TEXT])
