"""`search`: Docker Hub's index, or the catalogue of another registry.

The index is Docker's (`/v1/search`); registries without one have a catalogue of all repositories (distribution API,
`/v2/_catalog`), of which those are shown whose name has the word in it.
"""

from __future__ import annotations

from urllib.parse import quote

from rocker.errors import DeniedError, InvalidArgumentError
from rocker.images.config import parse_object
from rocker.images.reference import DEFAULT_DOMAIN
from rocker.registry import credentials
from rocker.registry.client import Client
from rocker.registry.conf import Conf
from rocker.registry.errors import MissingError, RefusedError, answered
from rocker.registry.source import host_source
from rocker.registry.transport import Transport

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

HUB_INDEX = "index.docker.io"
MAX_RESULTS = 100
_DEFAULT_RESULTS = 25
_MAX_ANSWER = 8 << 20
_OK = 200


class Found:
    """One repository."""

    __slots__ = ("automated", "description", "name", "official", "stars")

    def __init__(self, document: dict[str, Any]) -> None:
        stars = document.get("star_count")
        self.name = _text(document.get("name"))
        self.description = _text(document.get("description"))
        self.stars = stars if isinstance(stars, int) else 0
        self.official = document.get("is_official") is True
        self.automated = document.get("is_automated") is True


def search(text: str, limit: int = _DEFAULT_RESULTS) -> list[Found]:
    """Repositories that fit a word.

    Args:
        text: `[registry/]word`.
        limit: most results, 1 to 100.

    Raises:
        InvalidArgumentError: the limit. RegistryError: the registry cannot be asked.
    """
    if not 1 <= limit <= MAX_RESULTS:
        raise InvalidArgumentError(f"limit {limit} is outside the range of [1, {MAX_RESULTS}]")
    domain, word = _split(text)
    conf = Conf.read()
    source = host_source(domain, conf)
    if domain == DEFAULT_DOMAIN:
        source.host = HUB_INDEX
        word = word.removeprefix("library/")
    with Transport() as transport:
        client = Client(transport, source, conf, lambda: credentials.find(domain))
        try:
            found = _ask(client, f"/v1/search?q={quote(word, safe='')}&n={limit}", "registry:catalog:*")
            rows = found.get("results")
        except MissingError:
            names = _ask(client, "/v2/_catalog?n=1000", "registry:catalog:*").get("repositories")
            names = names if isinstance(names, list) else []
            rows = [{"name": f"{domain}/{name}"} for name in names if isinstance(name, str) and word in name]
        except RefusedError as error:
            raise DeniedError(error.message, hint=f"rocker login {domain}") from error
    return [Found(row) for row in (rows if isinstance(rows, list) else []) if isinstance(row, dict)][:limit]


def _ask(client: Client, path: str, scope: str) -> dict[str, Any]:
    response = client.request("GET", path, {"Accept": "application/json"}, scope=scope)
    if response.status != _OK:
        raise answered(response, f"Get {response.url.shown}")
    with response:
        return parse_object(
            response.document(_MAX_ANSWER, "the results of a search"), "the results of a search"
        )


def _split(text: str) -> tuple[str, str]:
    first, slash, rest = text.partition("/")
    if slash and ("." in first or ":" in first or first == "localhost"):
        return (DEFAULT_DOMAIN if first in (HUB_INDEX, DEFAULT_DOMAIN) else first), rest
    return DEFAULT_DOMAIN, text


def _text(value: object) -> str:
    """One line of text from outside, for a terminal."""
    text = value if isinstance(value, str) else ""
    return "".join(letter if letter.isprintable() else " " for letter in text[:2000])
