"""Log servers behind TLS: whom a container's shim trusts, what it shows, and what becomes of an outage."""

from __future__ import annotations

import json
import re
import socket
import ssl
import subprocess
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest

from helpers.until import until
from rocker.errors import InvalidArgumentError, RockerError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import rocker

PATIENCE = 30.0


class Authority:
    """A certificate authority of the test's own, and what it has signed, as files in a directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        directory.mkdir()
        self.certificate = directory / "ca.pem"
        self._run(
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
            "-subj", f"/CN={directory.name}", "-keyout", "ca.key", "-out", "ca.pem",
            "-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign",
        )  # fmt: skip

    def sign(self, name: str, names: str, *, days: int = 1) -> tuple[Path, Path]:
        """A certificate for these subject alternative names, and its key."""
        self._run(
            "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", f"/CN={name}",
            "-keyout", f"{name}.key", "-out", f"{name}.csr",
        )  # fmt: skip
        (self.directory / "extensions").write_text(f"subjectAltName={names}\n")
        self._run(
            "x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
            "-days", str(days), "-extfile", "extensions", "-out", f"{name}.pem",
        )  # fmt: skip
        return self.directory / f"{name}.pem", self.directory / f"{name}.key"

    def _run(self, *words: str) -> None:
        subprocess.run(["openssl", *words], cwd=self.directory, check=True, capture_output=True, timeout=60)


class Server:
    """Takes connections one after the other and keeps what they bring."""

    def __init__(self, pair: tuple[Path, Path], *, clients: Authority | None = None, port: int = 0) -> None:
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(*pair)
        if clients is not None:
            self.context.verify_mode = ssl.CERT_REQUIRED
            self.context.load_verify_locations(clients.certificate)
        self.socket = socket.create_server(("127.0.0.1", port))
        self.port = self.socket.getsockname()[1]
        self.found = b""
        self.peers: list[Any] = []
        self.ends: list[str] = []
        self.answers = False
        self._open: ssl.SSLSocket | None = None
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                plain, _ = self.socket.accept()
            except OSError:
                return
            plain.settimeout(PATIENCE)
            try:
                with self.context.wrap_socket(plain, server_side=True) as self._open:
                    self.peers.append(self._open.getpeercert())
                    while chunk := self._open.recv(1 << 16):
                        self.found += chunk
                        if self.answers and (match := re.search(rb"chunk\xd9\x20(.{32})", chunk)):
                            self._open.sendall(b"\x81\xa3ack\xd9\x20" + match[1])
                    self.ends.append("closed")
            except OSError as error:
                self.ends.append(str(error))
            finally:
                plain.close()

    def drop(self) -> None:
        """Break the connection, and take no other until the next server."""
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
        if self._open is not None:
            with suppress(OSError):  # it has ended already
                self._open.shutdown(socket.SHUT_RDWR)
        self._thread.join(PATIENCE)

    def close(self) -> None:
        if self.socket.fileno() >= 0:
            self.drop()


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Authority:
    # The host's own authorities have nothing to do with it: one that nobody has signed for stands for them.
    host = Authority(tmp_path / "host")
    monkeypatch.setenv("SSL_CERT_FILE", str(host.certificate))
    return Authority(tmp_path / "ca")


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    made: list[Server] = []

    def start(*arguments: Any, **options: Any) -> Server:
        made.append(Server(*arguments, **options))
        return made[-1]

    yield start
    for server in made:
        server.close()


@pytest.fixture
def run(engine: rocker.Engine, busybox_rootfs: Path) -> Callable[..., rocker.Container]:
    def start(script: str, driver: str, options: dict[str, str], **more: Any) -> rocker.Container:
        return engine.run(
            rootfs=str(busybox_rootfs), command=["sh", "-c", script], detach=True, log_driver=driver,
            log_opts=options, network="none", **more,
        )  # fmt: skip

    return start


def to(
    server: Server, authority: Authority | None = None, host: str = "localhost", **more: str
) -> dict[str, str]:
    options = {"syslog-address": f"tcp+tls://{host}:{server.port}", "tag": "t"}
    if authority is not None:
        options["syslog-tls-ca-cert"] = str(authority.certificate)
    return options | {f"syslog-{name.replace('_', '-')}": value for name, value in more.items()}


def test_every_line_arrives_in_order_with_its_length_before_it(
    run: Callable[..., rocker.Container], authority: Authority, serve: Callable[..., Server]
) -> None:
    server = serve(authority.sign("server", "DNS:localhost"))
    script = "i=0; while [ $i -lt 3000 ]; do echo line $i; i=$((i+1)); done"
    container = run(script, "syslog", to(server, authority, format="rfc5424"))
    container.wait()
    until(lambda: bool(server.ends))
    assert server.ends == ["closed"], "the session is ended, not cut off"
    texts, rest = [], server.found
    while rest:
        length, _, rest = rest.partition(b" ")
        message, rest = rest[: int(length)], rest[int(length) :]
        texts.append(message.rpartition(b" - ")[2])
    assert texts == [f"line {number}\n".encode() for number in range(3000)]
    assert container.logs(tail=1) == b"line 2999\n"


def test_other_formats_have_no_length_and_an_address_is_a_name_too(
    run: Callable[..., rocker.Container], authority: Authority, serve: Callable[..., Server]
) -> None:
    server = serve(authority.sign("server", "IP:127.0.0.1"))
    run("echo hello", "syslog", to(server, authority, "127.0.0.1")).wait()
    until(lambda: bool(server.ends))
    assert re.fullmatch(rb"<30>[A-Z].* t\[\d+\]: hello\n", server.found)


def test_who_is_not_trusted_gets_nothing(
    run: Callable[..., rocker.Container], authority: Authority, serve: Callable[..., Server], tmp_path: Path
) -> None:
    wrong = serve(authority.sign("other", "DNS:other.example"))
    right = serve(authority.sign("server", "DNS:localhost"))
    refused = [
        (to(wrong, authority), "x509: certificate is valid for other.example, not localhost"),
        (to(right), "x509: certificate signed by unknown authority"),
        (to(right, Authority(tmp_path / "another")), "x509: certificate signed by unknown authority"),
        (to(right, authority, "127.0.0.1"), "x509: certificate is valid for localhost, not 127.0.0.1"),
        (to(right, tls_skip_verify="false"), "x509: certificate signed by unknown authority"),
    ]
    for options, message in refused:
        with pytest.raises(RockerError, match=f"failed to initialize logging driver: .*tls: .*{message}"):
            run("echo secret", "syslog", options)
    assert wrong.found == right.found == b""


def test_verification_can_be_left_out(
    run: Callable[..., rocker.Container], authority: Authority, serve: Callable[..., Server]
) -> None:
    server = serve(authority.sign("other", "DNS:other.example"))
    run("echo hello", "syslog", to(server, tls_skip_verify="true")).wait()
    until(lambda: b"hello" in server.found)


def test_a_server_may_ask_who_it_is(
    run: Callable[..., rocker.Container], authority: Authority, serve: Callable[..., Server], tmp_path: Path
) -> None:
    server = serve(authority.sign("server", "DNS:localhost"), clients=authority)
    certificate, key = authority.sign("shim", "DNS:shim.example")
    options = to(server, authority, tls_cert=str(certificate), tls_key=str(key))
    container = run("echo hello", "syslog", options, restart_policy="on-failure:1")
    container.wait()
    until(lambda: b"hello" in server.found)
    assert server.peers[0]["subjectAltName"] == (("DNS", "shim.example"),)
    shown = json.dumps(container.inspect())
    assert str(key) in shown
    assert "PRIVATE KEY" not in shown
    with pytest.raises(InvalidArgumentError, match="belong together"):
        run("true", "syslog", to(server, authority, tls_cert=str(certificate)))
    with pytest.raises(
        InvalidArgumentError, match='could not read CA certificate "/nosuch": open /nosuch: no such'
    ):
        run("true", "syslog", to(server) | {"syslog-tls-ca-cert": "/nosuch"})
    (tmp_path / "bad.key").write_text("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")
    with pytest.raises(InvalidArgumentError, match="could not load X509 key pair"):
        run("true", "syslog", options | {"syslog-tls-key": str(tmp_path / "bad.key")})


def test_a_server_that_returns_gets_what_follows(
    run: Callable[..., rocker.Container], authority: Authority, serve: Callable[..., Server], tmp_path: Path
) -> None:
    pair = authority.sign("server", "DNS:localhost")
    server = serve(pair)
    fifo = tmp_path / "go"
    fifo.mkdir()
    script = "echo before; while [ ! -e /go/on ]; do usleep 10000; done; echo after"
    container = run(script, "syslog", to(server, authority), mounts=[f"{fifo}:/go"])
    until(lambda: b"before" in server.found)
    server.drop()
    again = serve(pair, port=server.port)
    (fifo / "on").touch()
    container.wait()
    until(lambda: b"after" in again.found)


def test_what_is_no_tls_is_said(
    run: Callable[..., rocker.Container], authority: Authority, serve: Callable[..., Server]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as plain:

        def answer() -> None:
            with plain.accept()[0] as one:
                one.recv(1 << 16)
                one.sendall(b"220 ready\r\n" * 10)
                one.recv(1 << 16)

        thread = threading.Thread(target=answer)
        thread.start()
        options = {"syslog-address": f"tcp+tls://localhost:{plain.getsockname()[1]}"}
        with pytest.raises(RockerError, match="does not look like a TLS handshake"):
            run("true", "syslog", options)
        thread.join(PATIENCE)


def test_fluentd_trusts_the_hosts_authorities_and_acknowledges(
    run: Callable[..., rocker.Container],
    authority: Authority,
    serve: Callable[..., Server],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server = serve(authority.sign("server", "DNS:localhost"))
    options = {"fluentd-address": f"tls://localhost:{server.port}", "fluentd-request-ack": "true", "tag": "t"}
    with pytest.raises(RockerError, match="certificate signed by unknown authority"):
        run("echo hello", "fluentd", options)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.certificate))
    server.answers = True
    run("echo one; echo two", "fluentd", options).wait()
    until(lambda: b"one" in server.found and b"two" in server.found)
