"""Log drivers that send to a server, each with a server of the test's own; bytes as Docker's drivers write them."""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import re
import socket
import struct
import threading
import time
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from rocker.errors import RockerError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import rocker

PATIENCE = 30.0
SCRIPT = "echo out; echo err >&2"


@pytest.fixture
def udp() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        server.bind(("127.0.0.1", 0))
        server.settimeout(PATIENCE)
        yield server


@pytest.fixture
def tcp() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(PATIENCE)
        yield server


@pytest.fixture
def run(engine: rocker.Engine, busybox_rootfs: Path) -> Callable[..., rocker.Container]:
    """A container with a log driver, started and left to end."""

    def start(script: str, driver: str, options: dict[str, str], **more: Any) -> rocker.Container:
        return engine.run(
            rootfs=str(busybox_rootfs), command=["sh", "-c", script], detach=True, log_driver=driver,
            log_opts=options, **more,
        )  # fmt: skip

    return start


def address(server: socket.socket, scheme: str) -> str:
    return f"{scheme}://127.0.0.1:{server.getsockname()[1]}"


def everything(server: socket.socket) -> bytes:
    """All that one connection brings."""
    connection, _ = server.accept()
    with connection:
        connection.settimeout(PATIENCE)
        found = b""
        while chunk := connection.recv(1 << 16):
            found += chunk
        return found


def host() -> str:
    return os.uname().nodename


# --- syslog ---

STAMP = r"[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d"
DATE, CLOCK = r"\d{4}-\d\d-\d\d", r"\d\d:\d\d:\d\d"
ZONE = r"(?:Z|[+-]\d\d:\d\d)"


@pytest.mark.parametrize(
    ("form", "pattern"),
    [
        ("", rf"<PRI>{STAMP} TAG\[\d+\]: TEXT\n"),
        ("rfc3164", rf"<PRI>{STAMP} 127\.0\.0\.1:\d+ TAG\[\d+\]: TEXT\n"),
        ("rfc5424", rf"<PRI>1 {DATE}T{CLOCK}{ZONE} 127\.0\.0\.1:\d+ TAG \d+ TAG - TEXT\n"),
        ("rfc5424micro", rf"<PRI>1 {DATE}T{CLOCK}\.\d{{6}}{ZONE} 127\.0\.0\.1:\d+ TAG \d+ TAG - TEXT\n"),
    ],
)  # fmt: skip
def test_syslog_over_udp_has_dockers_formats(
    run: Callable[..., rocker.Container], udp: socket.socket, form: str, pattern: str
) -> None:
    options = {"syslog-address": address(udp, "udp"), "tag": "{{.Name}}/{{.ID}}", "syslog-facility": "local3"}
    container = run(
        f"{SCRIPT}; echo", "syslog", options | ({"syslog-format": form} if form else {}), name="web"
    )
    container.wait()
    found = [udp.recv(1 << 16).decode() for _ in range(2)]
    tag = re.escape(f"web/{container.short_id}")
    for priority, text in ((19 << 3 | 6, "out"), (19 << 3 | 3, "err")):
        wanted = pattern.replace("PRI", str(priority)).replace("TAG", tag).replace("TEXT", text)
        assert [one for one in found if re.fullmatch(wanted, one)], (wanted, found)
    udp.settimeout(0.2)
    with pytest.raises(TimeoutError):  # an empty line is not sent
        udp.recv(1)
    assert sorted(container.logs().split(b"\n")) == [b"", b"", b"err", b"out"]


def test_syslog_time_is_the_hosts_local_time(
    run: Callable[..., rocker.Container], udp: socket.socket
) -> None:
    begun = int(time.time())
    run("echo x", "syslog", {"syslog-address": address(udp, "udp"), "syslog-format": "rfc5424"}).wait()
    from datetime import datetime

    stamp = datetime.fromisoformat(udp.recv(1 << 16).decode().split()[1])
    assert begun <= stamp.timestamp() <= time.time()
    assert stamp.utcoffset() == datetime.now().astimezone().utcoffset()


def test_syslog_over_tcp_brings_every_line_in_order(
    run: Callable[..., rocker.Container], tcp: socket.socket
) -> None:
    container = run("i=0; while [ $i -lt 5000 ]; do echo line $i; i=$((i+1)); done", "syslog",
                    {"syslog-address": address(tcp, "tcp"), "tag": "t"})  # fmt: skip
    lines = everything(tcp).decode().splitlines()
    assert [line.partition(": ")[2] for line in lines] == [f"line {number}" for number in range(5000)]
    assert lines[0].startswith("<30>"), "facility daemon, severity informational"
    assert container.logs(tail=1) == b"line 4999\n"


@pytest.mark.parametrize("scheme", ["unix", "unixgram"])
def test_syslog_to_a_unix_socket_behind_a_link(
    run: Callable[..., rocker.Container], tmp_path: Path, scheme: str
) -> None:
    kind = socket.SOCK_STREAM if scheme == "unix" else socket.SOCK_DGRAM
    with socket.socket(socket.AF_UNIX, kind) as server:
        server.settimeout(PATIENCE)
        server.bind(str(tmp_path / "real"))
        (tmp_path / "log").symlink_to(tmp_path / "real")
        if scheme == "unix":
            server.listen()
        container = run("echo hello", "syslog", {"syslog-address": f"{scheme}://{tmp_path}/log"})
        found = everything(server) if scheme == "unix" else server.recv(1 << 16)
        container.wait()
    assert re.fullmatch(rf"<30>{STAMP} {container.short_id}\[\d+\]: hello\n", found.decode())


def test_a_server_that_came_back_gets_what_follows(
    run: Callable[..., rocker.Container], tcp: socket.socket, tmp_path: Path
) -> None:
    script = "echo one; while [ ! -e /go/now ]; do sleep 0.02; done; echo two; echo three"
    container = run(script, "syslog", {"syslog-address": address(tcp, "tcp")}, mounts=[f"{tmp_path}:/go"])
    connection, _ = tcp.accept()
    connection.settimeout(PATIENCE)
    assert connection.recv(1 << 16).endswith(b": one\n")
    connection.close()
    (tmp_path / "now").touch()
    texts = [line.partition(b": ")[2] for line in everything(tcp).splitlines()]
    assert texts == [b"two", b"three"], (
        "a closed connection is noticed before the next record is sent into it"
    )
    assert container.wait() == 0


# --- gelf ---


@pytest.mark.parametrize("compression", ["", "gzip", "zlib", "none"])
def test_gelf_over_udp_has_dockers_members(
    run: Callable[..., rocker.Container], udp: socket.socket, compression: str
) -> None:
    options = {
        "gelf-address": address(udp, "udp"),
        "labels": "tier",
        "env-regex": "^STA",
        "tag": "{{.ImageName}}",
    }
    if compression:
        options |= {"gelf-compression-type": compression, "gelf-compression-level": "9"}
    container = run("echo '<out>'; sleep 0.01; echo; echo err >&2", "gelf", options, name="web",
                    labels={"tier": "a&b", "other": "x"}, env={"STAGE": "test"})  # fmt: skip
    container.wait()
    datagrams = [udp.recv(1 << 16) for _ in range(2)]
    unpack: dict[str, Callable[[bytes], bytes]] = {"zlib": zlib.decompress, "none": bytes}
    texts = [unpack.get(compression, gzip.decompress)(one).decode() for one in datagrams]
    out, err = sorted((json.loads(text) for text in texts), key=lambda one: one["short_message"])
    image = str(container.image)
    assert out | {"timestamp": 0, "_created": ""} == {
        "version": "1.1", "host": host(), "short_message": "<out>", "timestamp": 0, "level": 6,
        "_command": "sh -c echo '<out>'; sleep 0.01; echo; echo err >&2", "_container_id": container.id,
        "_container_name": "web", "_created": "", "_image_id": "", "_image_name": image, "_tag": image,
        "_tier": "a&b", "_STAGE": "test",
    }  # fmt: skip
    assert (err["short_message"], err["level"]) == ("err", 3)
    assert abs(out["timestamp"] - time.time()) < 60
    head = '{"version":"1.1","host":"' + host() + '","short_message":"\\u003cout\\u003e","timestamp":'
    assert any(text.startswith(head) for text in texts), "in the order and with the escapes of Go's encoder"


def test_gelf_cuts_a_long_message_into_chunks(
    run: Callable[..., rocker.Container], udp: socket.socket
) -> None:
    options = {"gelf-address": address(udp, "udp"), "gelf-compression-type": "none"}
    run("head -c 9000 /dev/zero | tr '\\0' x; echo", "gelf", options).wait()
    chunks = [udp.recv(1 << 16)]
    magic, _, _, count = struct.unpack_from(">2s8sBB", chunks[0])
    chunks += [udp.recv(1 << 16) for _ in range(count - 1)]
    assert (magic, count) == (b"\x1e\x0f", 7)
    assert {chunk[:10] for chunk in chunks} == {chunks[0][:10]}, "one message, one id"
    assert [chunk[10] for chunk in chunks] == list(range(count))
    assert {len(chunk) for chunk in chunks[:-1]} == {1420}
    assert json.loads(b"".join(chunk[12:] for chunk in chunks))["short_message"] == "x" * 9000


def test_gelf_over_tcp_ends_each_message_with_a_zero_byte(
    run: Callable[..., rocker.Container], tcp: socket.socket
) -> None:
    run("echo one; echo two", "gelf", {"gelf-address": address(tcp, "tcp")})
    messages = everything(tcp).split(b"\0")
    assert [json.loads(one)["short_message"] for one in messages[:-1]] == ["one", "two"]
    assert messages[-1] == b""


def test_one_connection_brings_all_lives_of_a_container_that_is_started_again(
    run: Callable[..., rocker.Container], tcp: socket.socket
) -> None:
    container = run("echo life; exit 1", "gelf", {"gelf-address": address(tcp, "tcp")},
                    restart_policy="on-failure:2")  # fmt: skip
    messages = everything(tcp).split(b"\0")
    assert [json.loads(one)["short_message"] for one in messages[:-1]] == ["life"] * 3
    assert container.logs() == b"life\n" * 3


def test_a_socket_in_a_directory_serves_all_lives_too(
    run: Callable[..., rocker.Container], tmp_path: Path
) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server:
        server.bind(str(tmp_path / "log"))
        server.settimeout(PATIENCE)
        container = run("echo life; exit 1", "syslog", {"syslog-address": f"unixgram://{tmp_path}/log", "tag": "t"},
                        restart_policy="on-failure:1")  # fmt: skip
        found = [server.recv(1 << 16).decode() for _ in range(2)]
    assert [one.rstrip().rpartition(": ")[2] for one in found] == ["life", "life"]
    container.wait()


# --- fluentd ---


def unpack(data: bytes, at: int = 0) -> tuple[Any, int]:  # noqa: PLR0911 -- one line a form
    """One MessagePack value, of the forms that the driver sends."""
    head = data[at]
    if head < 0x80:
        return head, at + 1
    if head >> 4 == 8 or head == 0xDE:
        count, at = (head & 15, at + 1) if head != 0xDE else (int.from_bytes(data[at + 1 : at + 3]), at + 3)
        pairs = {}
        for _ in range(count):
            name, at = unpack(data, at)
            pairs[name], at = unpack(data, at)
        return pairs, at
    if head >> 4 == 9:
        values, at = [], at + 1
        for _ in range(head & 15):
            value, at = unpack(data, at)
            values.append(value)
        return values, at
    if head >> 5 == 5:
        return data[at + 1 : at + 1 + (head & 31)].decode(), at + 1 + (head & 31)
    if head in (0xD9, 0xDA):
        size = head - 0xD8
        length = int.from_bytes(data[at + 1 : at + 1 + size])
        return data[at + 1 + size : at + 1 + size + length].decode(), at + 1 + size + length
    if head == 0xD2:
        return struct.unpack_from(">i", data, at + 1)[0], at + 5
    assert (head, data[at + 1]) == (0xD7, 0), f"{head:#x}"
    return struct.unpack_from(">II", data, at + 2), at + 10


def unpack_all(data: bytes) -> list[Any]:
    found, at = [], 0
    while at < len(data):
        value, at = unpack(data, at)
        found.append(value)
    return found


def test_fluentd_gets_messages_of_the_forward_protocol(
    run: Callable[..., rocker.Container], tcp: socket.socket
) -> None:
    options = {
        "fluentd-address": address(tcp, "tcp").removeprefix("tcp://"),
        "tag": "docker.{{.Name}}",
        "env": "A",
    }
    container = run(f"{SCRIPT}; echo", "fluentd", options, name="web", env={"A": "b"})
    messages = unpack_all(everything(tcp))
    base = {"container_id": container.id, "container_name": "/web", "A": "b"}
    records = [message[2] for message in messages]
    for record in (
        {"source": "stdout", "log": "out"},
        {"source": "stderr", "log": "err"},
        {"source": "stdout", "log": ""},
    ):
        assert base | record in records
    for message in messages:
        assert (len(message), message[0], message[3]) == (4, "docker.web", {})
        assert abs(message[1] - time.time()) < 60


def test_fluentd_names_the_parts_of_a_long_line_and_times_have_nanoseconds(
    run: Callable[..., rocker.Container], tcp: socket.socket
) -> None:
    options = {"fluentd-address": address(tcp, "tcp"), "fluentd-sub-second-precision": "true"}
    run("head -c 40000 /dev/zero | tr '\\0' x; echo", "fluentd", options)
    messages = unpack_all(everything(tcp))
    parts = [message[2] for message in messages]
    assert "".join(part["log"] for part in parts) == "x" * 40000
    assert [(part["partial_message"], part["partial_ordinal"], part["partial_last"]) for part in parts] == [
        ("true", "1", "false"), ("true", "2", "false"), ("true", "3", "true"),
    ]  # fmt: skip
    assert len({part["partial_id"] for part in parts}) == 1
    assert re.fullmatch("[0-9a-f]{64}", parts[0]["partial_id"])
    seconds, fraction = messages[0][1]
    assert abs(seconds - time.time()) < 60
    assert 0 <= fraction < 10**9


def test_fluentd_waits_for_each_acknowledgement_and_sends_again_without_it(
    run: Callable[..., rocker.Container], tcp: socket.socket
) -> None:
    options = {"fluentd-address": address(tcp, "tcp"), "fluentd-request-ack": "true"}
    container = run("echo one; echo two", "fluentd", options)
    first, _ = tcp.accept()
    first.settimeout(PATIENCE)
    (_, _, record, option), _ = unpack(first.recv(1 << 16))
    assert record["log"] == "one", "the second waits for the acknowledgement"
    first.close()
    second, _ = tcp.accept()
    with second:
        second.settimeout(PATIENCE)
        for text in ("one", "two"):
            (_, _, record, option), _ = unpack(second.recv(1 << 16))
            assert record["log"] == text
            name = option["chunk"].encode()
            second.sendall(b"\x81\xa3ack\xd9" + bytes([len(name)]) + name)
        assert container.wait() == 0


def test_fluentd_async_starts_without_a_server_and_connects_when_there_is_one(
    run: Callable[..., rocker.Container], tcp: socket.socket, tmp_path: Path
) -> None:
    place = tcp.getsockname()
    tcp.close()
    options = {
        "fluentd-address": f"tcp://127.0.0.1:{place[1]}",
        "fluentd-async": "true",
        "fluentd-retry-wait": "20ms",
    }
    script = "echo one; while [ ! -e /go/now ]; do sleep 0.02; done"
    container = run(script, "fluentd", options, mounts=[f"{tmp_path}:/go"])
    with socket.create_server(place) as server:
        server.settimeout(PATIENCE)
        connection, _ = server.accept()
        with connection:
            connection.settimeout(PATIENCE)
            (_, _, record, _), _ = unpack(connection.recv(1 << 16))
            (tmp_path / "now").touch()
            assert record["log"] == "one"
            assert container.wait() == 0


# --- modes ---


def wait_held(container: rocker.Container) -> None:
    """Wait until the container is held back: its log's copy here has not grown for half a second."""
    local = Path(container.engine.root) / "containers" / container.id / "log" / "container.log"
    size, since = -1, time.monotonic()
    while time.monotonic() - since < 0.5:
        time.sleep(0.05)
        if (now := local.stat().st_size) != size:
            size, since = now, time.monotonic()


def processor_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@pytest.mark.parametrize("scheme", ["tcp", "unixgram", "unix"])
def test_a_shim_that_waits_for_a_server_sleeps_and_then_loses_nothing(
    run: Callable[..., rocker.Container], tcp: socket.socket, tmp_path: Path, scheme: str
) -> None:
    with contextlib.ExitStack() as stack:
        where, server = address(tcp, "tcp"), tcp
        if scheme != "tcp":
            kind = socket.SOCK_STREAM if scheme == "unix" else socket.SOCK_DGRAM
            where, server = (
                f"{scheme}://{tmp_path}/s",
                stack.enter_context(socket.socket(socket.AF_UNIX, kind)),
            )
            server.settimeout(PATIENCE)
            server.bind(str(tmp_path / "s"))
            if scheme == "unix":
                server.listen()
        count = 12_000
        script = f"i=0; while [ $i -lt {count} ]; do echo {'x' * 1000} $i; i=$((i+1)); done"
        container = run(script, "syslog", {"syslog-address": where})
        wait_held(container)
        state = container.engine.state(container.id)
        assert state is not None
        assert state["status"] == "running"
        before = processor_seconds(state["shim_pid"])
        time.sleep(0.5)
        assert processor_seconds(state["shim_pid"]) - before < 0.1
        if scheme == "unixgram":
            lines = [server.recv(1 << 16) for _ in range(count)]
        else:
            lines = everything(server).splitlines()
        assert [int(line.split()[-1]) for line in lines] == list(range(count))
        assert container.wait() == 0


def test_a_server_that_does_not_read_holds_the_container_back_and_a_stop_still_works(
    run: Callable[..., rocker.Container], tcp: socket.socket, tmp_path: Path
) -> None:
    script = (
        "head -c 20000000 /dev/zero | tr '\\0' x | fold -w 1000; echo done > /go/done; echo end; sleep 60"
    )
    container = run(script, "syslog", {"syslog-address": address(tcp, "tcp")}, mounts=[f"{tmp_path}:/go"])
    connection, _ = tcp.accept()
    with connection:
        connection.settimeout(PATIENCE)
        assert connection.recv(10)
        wait_held(container)
        assert not (tmp_path / "done").exists()
        while not (tmp_path / "done").exists():
            assert connection.recv(1 << 20), "it goes on as the server reads"
        reader = threading.Thread(target=lambda: [None for _ in iter(lambda: connection.recv(1 << 20), b"")])
        reader.start()
        container.stop(timeout=0)
        reader.join(PATIENCE)
        assert not reader.is_alive()


def test_non_blocking_mode_drops_what_does_not_fit_and_the_log_says_how_much(
    run: Callable[..., rocker.Container], tcp: socket.socket
) -> None:
    options = {"syslog-address": address(tcp, "tcp"), "mode": "non-blocking", "max-buffer-size": "64k"}
    script = "i=0; while [ $i -lt 100 ]; do head -c 100000 /dev/zero | tr '\\0' x | fold -w 99; echo; i=$((i+1)); done"
    container = run(f"{script}; sleep 60", "syslog", options)
    connection, _ = tcp.accept()
    with connection:
        connection.settimeout(PATIENCE)
        deadline = time.monotonic() + PATIENCE
        while len(container.logs()) < 10_000_000:
            assert time.monotonic() < deadline, "the container is not held back"
        received = []
        reader = threading.Thread(target=lambda: received.extend(iter(lambda: connection.recv(1 << 20), b"")))
        reader.start()
        container.stop(timeout=0)
        reader.join(PATIENCE)
    text = container.logs().decode()
    reports = re.findall(
        r"^rocker: (\d+) records were not sent to (\S+): the buffer was full$", text, re.MULTILINE
    )
    sent = b"".join(received).count(b"\n")
    whole = sum(1 for line in text.splitlines() if line.startswith("x"))
    assert reports, text[-500:]
    assert {where for _, where in reports} == {address(tcp, "tcp")}
    assert sent + sum(int(count) for count, _ in reports) == whole


def test_a_server_that_is_not_there_keeps_the_container_from_starting(
    engine: rocker.Engine, run: Callable[..., rocker.Container], tcp: socket.socket
) -> None:
    where = address(tcp, "tcp")
    tcp.close()
    for driver, key in (
        ("syslog", "syslog-address"),
        ("gelf", "gelf-address"),
        ("fluentd", "fluentd-address"),
    ):
        with pytest.raises(
            RockerError, match=f"failed to initialize logging driver: {where}: connection refused"
        ):
            run("true", driver, {key: where}, auto_remove=True)
    assert engine.containers.list(all=True) == []


def test_without_the_local_copy_there_are_no_logs(
    run: Callable[..., rocker.Container], udp: socket.socket
) -> None:
    container = run("echo x", "syslog", {"syslog-address": address(udp, "udp"), "cache-disabled": "true"})
    container.wait()
    assert udp.recv(1 << 16).endswith(b": x\n")
    with pytest.raises(RockerError, match="configured logging driver does not support reading"):
        container.logs()
    assert not (Path(container.engine.root) / "containers" / container.id / "log").exists()


@pytest.mark.parametrize("driver", ["json-file", "local"])
def test_drivers_of_files_take_the_modes_too(run: Callable[..., rocker.Container], driver: str) -> None:
    container = run("echo x", driver, {"mode": "non-blocking", "max-buffer-size": "1m"})
    container.wait()
    assert container.logs() == b"x\n"


def test_json_file_records_have_the_tag_and_what_the_expressions_match(
    run: Callable[..., rocker.Container],
) -> None:
    options = {"tag": "{{.ImageName}}|{{.Name}}", "labels-regex": "^app", "env-regex": "E$"}
    container = run(
        "echo x", "json-file", options, name="web", labels={"app.a": "1", "b": "2"}, env={"STAGE": "s"}
    )
    container.wait()
    path = Path(container.engine.root) / "containers" / container.id / "log" / f"{container.id}-json.log"
    tag = f"{container.image}|web"
    assert json.loads(path.read_text())["attrs"] == {"STAGE": "s", "app.a": "1", "tag": tag}


# --- journald ---


def parse_entry(data: bytes) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    while data:
        line, _, rest = data.partition(b"\n")
        name, equals, value = line.partition(b"=")
        if equals:
            found[name.decode()], data = value, rest
        else:
            (length,) = struct.unpack_from("<Q", rest)
            found[name.decode()], data = rest[8 : 8 + length], rest[9 + length :]
    return found


@contextlib.contextmanager
def journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    from rocker.engine.logdrivers import journald

    monkeypatch.setattr(journald, "SOCKET", str(tmp_path / "socket"))
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server:
        server.settimeout(PATIENCE)
        server.bind(str(tmp_path / "socket"))
        yield server


def test_journald_gets_entries_with_dockers_fields(
    run: Callable[..., rocker.Container], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with journal(tmp_path, monkeypatch) as server:
        options = {"labels": "com.example.tier", "tag": "web"}
        container = run("echo out; sleep 0.01; echo err >&2", "journald", options, name="web",
                        labels={"com.example.tier": "front\nback"})  # fmt: skip
        entries = [parse_entry(server.recv(1 << 16)) for _ in range(2)]
        container.wait()
    entry = entries[0]
    assert len(entry.pop("CONTAINER_LOG_EPOCH")) == 64
    assert entry.pop("SYSLOG_TIMESTAMP").startswith(b"20")
    assert entry == {
        "PRIORITY": b"6", "MESSAGE": b"out", "CONTAINER_ID": container.short_id.encode(),
        "CONTAINER_ID_FULL": container.id.encode(), "CONTAINER_NAME": b"web", "CONTAINER_TAG": b"web",
        "SYSLOG_IDENTIFIER": b"web", "IMAGE_NAME": container.image.encode(), "COM_EXAMPLE_TIER": b"front\nback",
        "CONTAINER_LOG_ORDINAL": b"1",
    }  # fmt: skip
    assert (entries[1]["PRIORITY"], entries[1]["MESSAGE"], entries[1]["CONTAINER_LOG_ORDINAL"]) == (
        b"3",
        b"err",
        b"2",
    )


def test_an_entry_too_large_for_a_datagram_comes_as_a_file(
    run: Callable[..., rocker.Container], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with journal(tmp_path, monkeypatch) as server:
        label = "y" * 600_000
        run("echo out", "journald", {"labels": "big"}, labels={"big": label})
        data, fds, _, _ = socket.recv_fds(server, 1 << 16, 1)
        assert data == b""
        with open(fds[0], "rb") as file:
            file.seek(0)
            assert parse_entry(file.read())["BIG"] == label.encode()


# --- what is wrong ---


@pytest.mark.parametrize(
    ("driver", "options", "message"),
    [
        ("syslog", {"syslog-adress": "x"}, "unknown log opt 'syslog-adress' for syslog log driver"),
        ("syslog", {"syslog-address": "http://x"}, "unsupported scheme: 'http'"),
        ("syslog", {"syslog-address": "tcp+tls://x:1", "syslog-tls-ca-cert": "/no"}, "could not read CA certificate"),
        ("syslog", {"syslog-address": "unix:///no/such"}, "stat /no/such: no such file or directory"),
        ("syslog", {"syslog-facility": "nosuch"}, "invalid syslog facility"),
        ("syslog", {"syslog-format": "rfc1"}, "Invalid syslog format"),
        ("syslog", {"mode": "fast"}, "logger: logging mode not supported: fast"),
        ("syslog", {"max-buffer-size": "1m"}, "max-buffer-size option is only supported with 'mode=non-blocking'"),
        ("syslog", {"cache-disabled": "maybe"}, "invalid value for option cache-disabled: maybe"),
        ("gelf", {}, "gelf-address is a required parameter"),
        ("gelf", {"gelf-address": "udp://x"}, "please provide gelf-address as proto://host:port"),
        ("gelf", {"gelf-address": "tcp://x:1", "gelf-compression-type": "zlib"}, "only supported on UDP"),
        ("gelf", {"gelf-address": "udp://x:1", "gelf-compression-level": "10"}, 'unknown value "10" for log opt'),
        ("gelf", {"gelf-address": "udp://x:1", "nosuch": "1"}, 'unknown log opt "nosuch" for gelf log driver'),
        ("fluentd", {"fluentd-address": "http://x"}, "invalid fluentd-address .* unsupported scheme: 'http'"),
        ("fluentd", {"fluentd-address": "tls://x/y"}, "should not contain a path element"),
        ("fluentd", {"fluentd-write-timeout": "-1s"}, "must be a duration that is non-negative"),
        ("fluentd", {"fluentd-async-reconnect-interval": "1h"}, "must be between 100ms and 10s"),
        ("json-file", {"labels-regex": "["}, "labels-regex: error parsing regexp"),
        ("json-file", {"tag": "{{"}, "log opt 'tag': template parsing error"),
        ("splunk", {}, 'logger: no log driver named "splunk" is registered'),
    ],
)  # fmt: skip
def test_a_wrong_option_is_refused_by_name(
    engine: rocker.Engine,
    run: Callable[..., rocker.Container],
    driver: str,
    options: dict[str, str],
    message: str,
) -> None:
    with pytest.raises(RockerError, match=message):
        run("true", driver, options)
    assert engine.containers.list(all=True) == []
