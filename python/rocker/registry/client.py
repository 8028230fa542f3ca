"""One repository of one registry (OCI distribution specification 1.1, Docker's registry API 2).

https://github.com/opencontainers/distribution-spec/blob/main/spec.md. Whatever comes is bounded in size, and what was
asked for by digest is compared with it; blobs are compared by who reads them.
"""

from __future__ import annotations

import threading
from urllib.parse import quote

from rocker.errors import CorruptError, RegistryError
from rocker.images.digest import is_digest, of_bytes, shown
from rocker.images.manifest import INDEXES, MANIFESTS
from rocker.images.media_types import OCI_INDEX
from rocker.images.store import MAX_DOCUMENT
from rocker.registry.auth import Authorizer
from rocker.registry.errors import MissingError, answered
from rocker.registry.transport import ConnectError, FileBody, Response, Transport, Url

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from rocker.registry.conf import Conf
    from rocker.registry.credentials import Credentials
    from rocker.registry.source import Source

ACCEPT = ", ".join((*sorted(MANIFESTS), *sorted(INDEXES)))
_OK, _CREATED, _ACCEPTED, _PARTIAL, _UNAUTHORIZED, _NOT_FOUND = 200, 201, 202, 206, 401, 404
_FAILED = 400
_MAX_TAGS = 100_000
_MAX_PAGES = 1000
_MAX_TAG = 128


class Manifest:
    """A manifest or an index as it came.

    Attributes:
        data: bytes.
        media_type: of the header `Content-Type`, without parameters; may be empty.
        digest: of `data`.
    """

    __slots__ = ("data", "digest", "media_type")

    def __init__(self, data: bytes, media_type: str, digest: str) -> None:
        self.data = data
        self.media_type = media_type
        self.digest = digest


class Client:
    """A repository at a place.

    Args:
        transport: the connections.
        source: the place.
        conf: says which hosts are insecure.
        find: the credentials for this registry, or None; by default those that the user's files have for the place.
        push: whether tokens are to allow writing.
    """

    def __init__(
        self,
        transport: Transport,
        source: Source,
        conf: Conf,
        find: Callable[[], Credentials | None] | None = None,
        *,
        push: bool = False,
    ) -> None:
        self.source = source
        self._transport = transport
        self._conf = conf
        self._scheme = ""
        self._probing = threading.Lock()
        self.auth = Authorizer(transport, find or self._credentials, self._may_skip)
        self._actions = "pull,push" if push else "pull"

    def _credentials(self) -> Credentials | None:
        from rocker.registry import credentials

        return credentials.find(self.source.domain, self.source.path)

    # --- pull ---

    def manifest(self, name: str) -> Manifest:
        """A manifest by tag or digest.

        Raises:
            MissingError: there is none. RefusedError: it is not for this user.
            CorruptError: it is too long, or not what its digest says.
        """
        what = f"manifest {name} of {self.source.path}"
        with self._get(f"manifests/{name}", {"Accept": ACCEPT}, what) as response:
            data = response.document(MAX_DOCUMENT, what)
            kind = response.header("Content-Type").partition(";")[0].strip()
            claimed = response.header("Docker-Content-Digest")
        digest = of_bytes(data)
        wanted = name if ":" in name else claimed
        if is_digest(wanted) and digest != wanted:
            raise CorruptError(f"{what}: manifest verification failed for digest {wanted}: it has {digest}")
        return Manifest(data, kind, digest)

    def document(self, digest: str, size: int, what: str) -> bytes:
        """A small blob: a configuration.

        Raises:
            CorruptError: it is longer than it should be, or not what its digest says.
        """
        if size > MAX_DOCUMENT:
            raise CorruptError(f"{what} is longer than {MAX_DOCUMENT} bytes")
        with self._get(f"blobs/{digest}", {}, what) as response:
            data = response.document(size, what)
        if of_bytes(data) != digest:
            raise CorruptError(f"{what}: its content has digest {of_bytes(data)}, not {digest}")
        return data

    def open_blob(self, digest: str, start: int = 0) -> Response:
        """A blob's bytes from `start` on, as an answer with status 200 (from 0, whatever was asked) or 206."""
        headers = {"Range": f"bytes={start}-"} if start else {}
        return self._get(f"blobs/{digest}", headers, f"blob {digest}", more=(_PARTIAL,))

    def tags(self) -> Iterator[str]:
        """All tags of the repository.

        Raises:
            CorruptError: the list is no list, has no end, or leads to another registry.
        """
        from rocker.images.config import parse_object

        path, count = "tags/list?n=1000", 0
        what = f"the tags of {self.source.path}"
        for _ in range(_MAX_PAGES):
            with self._get(path, {}, what) as response:
                found = parse_object(response.document(MAX_DOCUMENT, what), what).get("tags") or []
                following = _next_page(response)
                base = response.url
            if not isinstance(found, list) or not all(
                isinstance(one, str) and len(one) <= _MAX_TAG for one in found
            ):
                raise CorruptError(f"{what}: expected a list of tags, found {shown(found)}")
            count += len(found)
            yield from found
            if not following:
                return
            page = base.join(following)
            if page.origin != base.origin or count > _MAX_TAGS or not found:
                break
            path = page.text
        raise CorruptError(f"{what}: the list has no end, or leads to another registry")

    def referrers(self, digest: str) -> bytes:
        """The index of manifests whose subject is `digest`; raises MissingError when the registry cannot tell."""
        what = f"referrers of {digest}"
        headers = {"Accept": OCI_INDEX}
        with self._get(f"referrers/{digest}", headers, what) as response:
            return response.document(MAX_DOCUMENT, what)

    # --- push ---

    def has_blob(self, digest: str) -> bool:
        """Whether the repository has a blob."""
        response = self.request("HEAD", f"blobs/{digest}", {})
        if response.status in (_OK, _NOT_FOUND):
            response.close()
            return response.status == _OK
        raise answered(response, f"HEAD blob {digest}")

    def begin_upload(self, mount: str = "", origin: str = "") -> str:
        """Begin an upload; its location, or an empty text when the blob `mount` was taken over from `origin`."""
        path, scope = "blobs/uploads/", ""
        if mount:
            path += f"?mount={quote(mount, safe=':')}&from={quote(origin, safe='')}"
            scope = f" repository:{origin}:pull"
        response = self.request("POST", path, {}, more_scope=scope)
        with response:
            if response.status == _CREATED:
                return ""
            if response.status == _ACCEPTED:
                return _location(response)
        raise answered(response, f"begin an upload to {self.source.path}")

    def send_chunk(self, location: str, body: FileBody, total: int) -> str:
        """Send a part of a blob; where the next one goes.

        Raises:
            ConnectError: the connection broke; `uploaded` says how much the registry has.
        """
        headers = {"Content-Type": "application/octet-stream"}
        if body.start or body.length != total:
            headers["Content-Range"] = f"{body.start}-{body.start + body.length - 1}"
        response = self.request("PATCH", location, headers, body)
        if response.status not in (_ACCEPTED, _CREATED, 204):
            raise answered(response, f"upload to {self.source.path}")
        with response:
            return _location(response)

    def uploaded(self, location: str) -> tuple[str, int]:
        """How many bytes of an unfinished upload the registry has, and where it goes on."""
        response = self.request("GET", location, {})
        if response.status not in (204, _ACCEPTED, _OK):
            raise answered(response, "the state of an upload")
        with response:
            end = response.header("Range").removeprefix("bytes=").rpartition("-")[2]
            return _location(response), int(end) + 1 if end.isdecimal() and end != "0" else 0

    def finish_upload(self, location: str, digest: str) -> None:
        """Make an upload a blob. Raises RegistryError when the registry disagrees with the digest."""
        joint = "&" if "?" in location else "?"
        response = self.request("PUT", f"{location}{joint}digest={quote(digest, safe='')}", {})
        if response.status not in (_CREATED, 204):
            raise answered(response, f"finish the upload of {digest}")
        response.close()

    def put_manifest(self, name: str, data: bytes, media_type: str) -> str:
        """Store a manifest under a tag or its digest; the digest."""
        response = self.request("PUT", f"manifests/{name}", {"Content-Type": media_type}, data)
        if response.status not in (_CREATED, _OK, _ACCEPTED):
            raise answered(response, f"push manifest {name}")
        with response:
            claimed = response.header("Docker-Content-Digest")
        digest = of_bytes(data)
        if is_digest(claimed) and claimed != digest:
            raise CorruptError(f"the registry says that manifest {digest} has digest {claimed}")
        return digest

    # --- both ---

    def ping(self, *, offline: bool = False) -> None:
        """Log in: `/v2/`, with the credentials if the registry asks for them.

        Raises:
            RefusedError: they are refused.
        """
        response = self.request("GET", "/v2/", {}, scope="", offline=offline)
        if response.status != _OK:
            raise answered(response, f"Get {response.url.shown}")
        response.close()

    def request(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: bytes | FileBody | None = None,
        *,
        scope: str | None = None,
        more_scope: str = "",
        offline: bool = False,
    ) -> Response:
        """One request to the registry, with an answer to its challenge.

        Args:
            method: HTTP's.
            path: below the repository; with a slash in front below the host; or a URL that the registry gave.
            headers: of the request.
            body: of the request.
            scope: of the token; by default the repository's.
            more_scope: added to that.
            offline: whether an identity token is wanted.
        """
        if scope is None:
            scope = f"repository:{self.source.path}:{self._actions}{more_scope}"
        used = self.auth.header(scope)
        response = self._reach(method, path, headers, body, used)
        if response.status != _UNAUTHORIZED or not self._is_ours(response.url):
            return response
        challenges = response.headers.get_all("WWW-Authenticate") or []
        try:
            value = self.auth.answer(response.url, challenges, scope, used, offline=offline)
        except BaseException:
            response.close()
            raise
        if not value:
            return response
        response.close()
        return self._send(method, self._url(path), headers, body, value)

    def _get(self, path: str, headers: dict[str, str], what: str, more: tuple[int, ...] = ()) -> Response:
        response = self.request("GET", path, headers)
        if response.status == _OK or response.status in more:
            return response
        if response.status < _FAILED:
            response.close()
            raise RegistryError(f"{what}: the registry answered {response.status}, which was not asked for")
        raise answered(response, what)

    def _reach(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes | FileBody | None, used: str
    ) -> Response:
        with self._probing:
            if not self._scheme:
                return self._probe(method, path, headers, body)
        return self._send(method, self._url(path), headers, body, used)

    def _probe(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes | FileBody | None
    ) -> Response:
        """The first request, without a secret: others wait until it is known how the host is spoken to."""
        self._scheme = "https"
        try:
            return self._send(method, self._url(path), headers, body, "")
        except ConnectError:
            self._scheme = "http" if self.source.insecure else ""
            if not self._scheme:
                raise
        except BaseException:
            self._scheme = ""
            raise
        try:
            return self._send(method, self._url(path), headers, body, "")
        except BaseException:
            self._scheme = ""
            raise

    def _send(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes | FileBody | None,
        authorization: str,
    ) -> Response:
        wanted = dict(headers)
        if authorization and self._is_ours(Url(url)):
            wanted["Authorization"] = authorization
        return self._transport.send(method, url, wanted, body, insecure=self._may_skip)

    def _may_skip(self, authority: str) -> bool:
        return (authority == self.source.host and self.source.insecure) or self._conf.is_insecure(authority)

    def _is_ours(self, url: Url) -> bool:
        return url.origin == Url(f"{self._scheme}://{self.source.host}/").origin

    def _url(self, path: str) -> str:
        base = f"{self._scheme}://{self.source.host}"
        if "://" in path:
            return path
        return base + path if path.startswith("/") else f"{base}/v2/{self.source.path}/{path}"


def _location(response: Response) -> str:
    location = response.header("Location")
    if not location:
        raise RegistryError("the registry did not say where the upload goes on")
    url = response.url.join(location)
    if response.url.scheme == "https" and url.scheme == "http":
        raise CorruptError(
            f"the registry wants the upload by plain HTTP at {url.authority}, which is refused"
        )
    return url.text


def _next_page(response: Response) -> str:
    """The target of `Link: <…>; rel="next"` (RFC 8288)."""
    link = response.header("Link")
    target, bracket, rest = link.partition(">")
    return target[1:] if bracket and target.startswith("<") and "next" in rest else ""


__all__ = ["Client", "ConnectError", "Manifest", "MissingError"]
