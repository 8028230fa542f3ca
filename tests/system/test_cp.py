"""`cp`, `diff`, `export` and `commit`: of containers that run, and of those that do not."""

from __future__ import annotations

import io
import json
import os
import subprocess
import tarfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from helpers.attack import base_layer, data_layer, docker_archive
from rocker.engine.locks import is_locked
from rocker.engine.options import RunOptions, VolumeMount
from rocker.errors import ConflictError, DeniedError, InvalidArgumentError, NotFoundError, RockerError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from helpers.engine import EngineRoots
    from rocker import Container, Engine

    Cli = Callable[..., subprocess.CompletedProcess[str]]
    Make = Callable[..., Container]

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="containers need root")


@pytest.fixture
def image(engine: Engine, engine_roots: EngineRoots) -> str:
    engine_roots.cli("load", stdin=docker_archive([base_layer(), data_layer()], "data:1"), check=True)
    return "data:1"


@pytest.fixture(params=["running", "created", "exited"])
def make(request: pytest.FixtureRequest, engine: Engine, image: str) -> Iterator[Make]:
    """Make a container in each state: what is asked of its files is answered alike."""

    def container(**options: object) -> Container:
        command = ("sleep", "1000") if request.param == "running" else ("true",)
        made = engine.create(RunOptions(image=image, command=command, **options))  # type: ignore[arg-type]
        if request.param != "created":
            made.start()
        if request.param == "exited":
            made.wait(20)
        return made

    yield container
    # A view of a container that does not run is mounted in no namespace that lasts.
    assert str(engine.root) not in Path("/proc/self/mountinfo").read_text()


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """`src` with a file of user 1000, a directory, a link to each."""
    path = tmp_path / "src"
    (path / "sub").mkdir(parents=True)
    (path / "f").write_text("hi\n")
    (path / "sub" / "g").write_text("deep\n")
    (path / "l").symlink_to("f")
    (path / "ld").symlink_to("sub")
    os.chown(path / "f", 1000, 1000)
    (path / "f").chmod(0o640)
    os.utime(path / "f", ns=(1, 1_600_000_000_000_000_000))
    return path


def listing(container: Container, path: str) -> list[str]:
    """What an archive of the path holds: name, mode, owner, size or target."""
    with open_archive(container, path) as archive:
        return [
            f"{member.name} {member.mode:o} {member.uid}:{member.gid} {member.linkname or member.size}"
            for member in archive
        ]


def open_archive(container: Container, path: str) -> tarfile.TarFile:
    with os.fdopen(os.memfd_create("archive"), "w+b") as file:
        container.get_archive(path, file.fileno())
        file.seek(0)
        return tarfile.open(fileobj=io.BytesIO(file.read()))


def put(container: Container, path: str, data: bytes, **options: bool) -> None:
    with os.fdopen(os.memfd_create("archive"), "w+b") as file:
        file.write(data)
        file.flush()
        file.seek(0)
        container.put_archive(path, file.fileno(), **options)


TREE = ["src 755 0:0 0", "src/f 640 1000:1000 3", "src/l 777 0:0 f", "src/ld 777 0:0 sub", "src/sub 755 0:0 0",
        "src/sub/g 644 0:0 5"]  # fmt: skip


def test_a_directory_goes_into_one_that_is_there_and_else_becomes_it(make, source) -> None:
    container = make()
    container.copy_to(source, "/")
    assert listing(container, "/src") == TREE
    container.copy_to(f"{source}/.", "/dest")
    container.copy_to(source, "/dest")
    assert [line.split()[0] for line in listing(container, "/dest")] == [
        "dest", "dest/f", "dest/l", "dest/ld", "dest/src", "dest/src/f", "dest/src/l", "dest/src/ld", "dest/src/sub",
        "dest/src/sub/g", "dest/sub", "dest/sub/g",
    ]  # fmt: skip
    assert listing(container, "/src/.")[:2] == [". 755 0:0 0", "./f 640 1000:1000 3"]
    with open_archive(container, "/src/f") as archive:
        assert archive.getmember("f").mtime == 1_600_000_000


def test_files_are_renamed_replaced_and_links_followed_as_docker_does(make, source) -> None:
    container = make()
    container.copy_to(source / "f", "/newname")
    container.copy_to(source / "sub/g", "/newname")
    assert listing(container, "/newname") == ["newname 644 0:0 5"]
    container.copy_to(source / "l", "/kept")
    container.copy_to(source / "l", "/followed", follow_link=True)
    assert container.stat_path("/kept")["target"] == "f"
    assert container.stat_path("/followed")["size"] == 3
    container.copy_to(source / "f", "relative")
    assert container.stat_path("/relative")["mode"] == 0o100640


@pytest.mark.parametrize(
    ("what", "path", "message"),
    [
        ("f", "/nodir/", "no such directory"), ("f", "/nodir/x", "Could not find the file /nodir in container NAME"),
        ("sub", "/data/file", "cannot copy directory"), ("f", "", "bad parameter: path cannot be empty"),
        ("nosuch", "/", "lstat SRC/nosuch: no such file or directory"),
        ("f", "/data/file/x", "extraction point is not a directory"),
    ],
)  # fmt: skip
def test_what_cannot_be_copied_in_is_refused(make, source, what, path, message) -> None:
    container = make()
    with pytest.raises(RockerError) as caught:
        container.copy_to(source / what, path)
    assert caught.value.message == message.replace("NAME", container.name).replace("SRC", str(source))
    assert container.diff() == []


def test_copies_out_follow_the_same_rules_and_belong_to_the_caller(make, tmp_path) -> None:
    container = make()
    out = tmp_path / "out"
    container.copy_from("/data/file", out)
    assert (out.read_text(), out.stat().st_uid, out.stat().st_mode & 0o7777) == ("content", 0, 0o640)
    container.copy_from("/data", tmp_path / "tree")
    container.copy_from("/data", tmp_path / "tree")
    container.copy_from("/data/.", tmp_path / "contents", archive=True)
    names = sorted(str(path.relative_to(tmp_path / "tree")) for path in (tmp_path / "tree").iterdir())
    assert names == ["data", "deep", "file", "link", "program"]
    assert os.readlink(tmp_path / "contents" / "link") == "file"
    assert (tmp_path / "contents" / "file").stat().st_uid == 405
    assert (tmp_path / "contents" / "program").stat().st_mode & 0o7777 == 0o4755
    container.copy_from("/data/link", tmp_path / "l")
    container.copy_from("/data/link", tmp_path / "followed", follow_link=True)
    assert os.readlink(tmp_path / "l") == "file"
    assert (tmp_path / "followed").read_text() == "content"


@pytest.mark.parametrize(
    ("path", "where", "message"),
    [
        ("/nosuch", "x", "Could not find the file /nosuch in container NAME"),
        ("/data", "file", "cannot copy directory"), ("/data/file", "no/", "no such directory"),
        ("/data/file", "no/x", 'invalid output path: directory "HERE/no" does not exist'),
    ],
)  # fmt: skip
def test_what_cannot_be_copied_out_is_refused(make, tmp_path, path, where, message) -> None:
    container = make()
    (tmp_path / "file").write_text("")
    with pytest.raises(RockerError) as caught:
        container.copy_from(path, f"{tmp_path}/{where}")
    assert caught.value.message == message.replace("NAME", container.name).replace("HERE", str(tmp_path))


def test_volumes_are_seen_filled_and_written(make, engine, source, tmp_path) -> None:
    container = make(mounts=(VolumeMount("/vol", "vol"), VolumeMount("/data", "filled")))
    container.copy_to(source / "f", "/vol/f")
    assert Path(engine.volumes.get("vol").mountpoint, "f").read_text() == "hi\n"
    assert listing(container, "/data/file") == ["file 640 405:100 7"]
    container.copy_to(source / "sub/g", "/data")
    data = engine.volumes.get("filled").mountpoint
    assert sorted(os.listdir(data)) == ["deep", "file", "g", "link", "program"]
    container.copy_from("/", tmp_path / "all")
    assert (tmp_path / "all/vol/f").read_text() == "hi\n"
    assert not (tmp_path / "all/proc/version").exists()
    paths = [change["Path"] for change in container.diff()]
    assert not [path for path in paths if path.startswith(("/vol/", "/data/"))]


def test_what_is_mounted_read_only_stays_as_it_is(make, source) -> None:
    container = make(
        mounts=(VolumeMount("/vol", "vol", read_only=True), VolumeMount("/w", "wide")), read_only=True
    )
    for path in ("/", "/vol"):
        with pytest.raises(DeniedError, match="read-only"):
            container.copy_to(source, path)
    container.copy_to(source / "f", "/w")
    assert listing(container, "/w/f") == ["f 640 1000:1000 3"]


def test_an_archive_is_unpacked_over_what_is_there_but_no_directory_is_replaced(make, source) -> None:
    container = make()
    container.copy_to(source, "/")
    file, directory = tarfile.TarInfo("sub"), tarfile.TarInfo("f")
    directory.type = tarfile.DIRTYPE
    for header, words in (
        (file, 'directory "src/sub" with non-directory'),
        (directory, 'non-directory "src/f" with directory'),
    ):
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w") as archive:
            archive.addfile(header)
        with pytest.raises(ConflictError) as caught:
            put(container, "/src", out.getvalue())
        assert caught.value.message == "cannot overwrite " + words
    assert listing(container, "/src") == TREE
    whiteout = io.BytesIO()
    with tarfile.open(fileobj=whiteout, mode="w:gz") as archive:
        archive.addfile(tarfile.TarInfo(".wh.f"))
    put(container, "/src", whiteout.getvalue())
    assert [line.split()[0] for line in listing(container, "/src")][:3] == ["src", "src/.wh.f", "src/f"]


def test_with_archive_everything_becomes_the_users(make, source) -> None:
    container = make(user="405:100")
    container.copy_to(source, "/", archive=True)
    assert {line.split()[2] for line in listing(container, "/src")} == {"405:100"}


def test_links_in_the_container_are_followed_inside_it(make, source, tmp_path) -> None:
    container = make()
    (tmp_path / "secret").write_text("canary")
    tree = source.parent / "links"
    tree.mkdir()
    (tree / "abs").symlink_to("/data")
    (tree / "up").symlink_to("../../../../../data")
    (tree / "host").symlink_to(tmp_path)
    container.copy_to(tree, "/")
    for name in ("abs", "up"):
        assert listing(container, f"/links/{name}/file") == ["file 640 405:100 7"]
        container.copy_to(source / "f", f"/links/{name}/{name}")
        assert container.stat_path(f"/data/{name}")["size"] == 3
    with pytest.raises(NotFoundError):
        container.stat_path("/links/host/secret")
    with pytest.raises(RockerError):
        container.copy_to(source / "f", "/links/host/x/y")
    assert sorted(os.listdir(tmp_path)) == ["links", "secret", "src"]


def test_the_command_copies_through_the_standard_streams(busybox: Cli, engine_roots, tmp_path: Path) -> None:
    busybox("create", "--name", "c", "busybox", "true", check=True)
    done = subprocess.run(engine_roots.command("cp", "c:/etc/.", "-"), capture_output=True, check=True)
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
        assert {"./passwd", "./group"} <= set(archive.getnames())
    sent = subprocess.run(
        engine_roots.command("cp", "-", "c:/tmp"), input=done.stdout, capture_output=True, check=True
    )
    assert (sent.stdout, sent.stderr) == (b"", b"")
    (tmp_path / "x").write_text("x")
    assert busybox("cp", str(tmp_path / "x"), "c:/tmp/y").stdout == ""
    shown = busybox("diff", "c").stdout.splitlines()
    assert shown[0] == "C /tmp"
    assert {"A /tmp/passwd", "A /tmp/y"} <= set(shown)
    for words, message in (
        (("a:/b", "c:/d"), "copying between containers is not supported"),
        (("x", "y"), "must specify at least one container source"),
        (("-", "c:/nosuch"), 'destination "c:/nosuch" must be a directory'),
        (("c:/nosuch", "."), "Could not find the file /nosuch in container c"),
        (("nosuch:/x", "."), "No such container: nosuch"),
    ):
        refused = busybox("cp", *words)
        assert (refused.returncode, refused.stderr.splitlines()[0]) == (1, f"rocker: {message}")
    busybox("rm", "c", check=True)


def test_diff_tells_what_was_added_changed_and_deleted(engine, image) -> None:
    script = (
        "touch /new; mkdir -p /made/deep; echo x >> /data/file; chmod 700 /data/program; rm /data/link; "
        "rm -r /data/deep; mkdir /data/deep; touch /data/deep/again; cat /bin/busybox > /dev/null; touch -c /tmp"
    )
    container = engine.run(image, ["sh", "-c", f"{script}; sleep 1000"], detach=True)
    expected = [
        "C /data", "C /data/deep", "A /data/deep/again", "D /data/deep/er", "C /data/file", "D /data/link",
        "C /data/program", "A /made", "A /made/deep", "A /new",
    ]  # fmt: skip

    def shown() -> list[str]:
        return [f"{'CAD'[change['Kind']]} {change['Path']}" for change in container.diff()]

    deadline = 100
    while shown() != expected and deadline:
        container.exec(["true"])
        deadline -= 1
    assert shown() == expected
    container.stop(0)
    assert shown() == expected


def test_export_has_the_whole_root_and_nothing_that_is_mounted(make, source, engine) -> None:
    container = make(mounts=(VolumeMount("/vol", "vol"),))
    container.copy_to(source, "/")
    container.copy_to(source, "/vol")
    with os.fdopen(os.memfd_create("archive"), "w+b") as file:
        size = container.export(file.fileno())
        assert size == os.fstat(file.fileno()).st_size
        file.seek(0)
        with tarfile.open(fileobj=file) as archive:
            names = {name.removeprefix("./") for name in archive.getnames()}
            assert archive.getmember("src/f").uid == 1000
    assert {"bin/busybox", "data/file", "src/sub/g", "etc/hosts", "vol"} <= names
    assert not [name for name in names if name.startswith(("vol/", "proc/", "sys/", "dev/"))]


def test_commit_makes_an_image_of_the_changes_alone(make, source, engine) -> None:
    container = make(
        env=("A=b",), labels={"x": "y"}, mounts=(VolumeMount("/vol", "vol"), VolumeMount("/own"))
    )
    container.copy_to(source, "/")
    container.copy_to(source, "/vol")
    id = container.commit(
        "made:1", author="me", message="said", changes=['CMD ["cat", "/src/f"]', "ENV C=d", "WORKDIR /src"]
    )
    image = engine.images.get("made:1")
    assert image.id == id
    assert [len(image.layers), image.parent] == [3, container.image_id]
    document = image.config.document
    assert (document["author"], document["comment"]) == ("me", "said")
    assert document["history"][-1]["author"] == "me"
    config = document["config"]
    assert config["Cmd"] == ["cat", "/src/f"]
    assert {"PATH=/bin", "A=b", "C=d"} <= set(config["Env"])
    assert (config["Labels"], config["Volumes"], config["WorkingDir"]) == ({"x": "y"}, {"/own": {}}, "/src")
    assert container.status != "paused"
    result = engine.run("made:1", ["sh", "-c", "cat f; ls -A /vol; echo $A $C; stat -c %u f"])
    assert result.text == "hi\nb d\n1000\n"


def test_commit_keeps_deletions_and_replaced_directories(engine, image) -> None:
    script = "cd /data; rm link; rm -r deep; mkdir deep; touch deep/new; rm program; mkdir program"
    container = engine.create(RunOptions(image=image, command=("sh", "-c", script)))
    container.start()
    container.wait(20)
    container.commit("less:1")
    container.remove()
    assert engine.run("less:1", ["sh", "-c", "cd /data; find . | sort"]).text == (
        ".\n./deep\n./deep/new\n./file\n./program\n"
    )


def test_a_commit_without_changes_adds_no_layer(engine, image) -> None:
    container = engine.create(RunOptions(image=image, command=("true",)))
    container.commit("same:1")
    made = engine.images.get("same:1")
    assert [layer.diff_id for layer in made.layers] == [
        layer.diff_id for layer in engine.images.get(image).layers
    ]
    assert made.config.document["history"][-1]["empty_layer"] is True


def test_a_container_of_a_directory_is_committed_whole(engine, tmp_path, busybox_rootfs) -> None:
    container = engine.create(RunOptions(rootfs=str(busybox_rootfs), command=("true",)))
    (tmp_path / "f").write_text("f")
    container.copy_to(tmp_path / "f", "/")
    container.commit("whole:1")
    assert engine.run("whole:1", ["cat", "/f"]).text == "f"


def test_commit_refuses_what_it_cannot_name_or_change(engine, image) -> None:
    container = engine.create(RunOptions(image=image, command=("true",)))
    for reference, changes in (("UPPER", ()), ("a@sha256:" + "0" * 64, ()), ("ok", ("RUN x",))):
        with pytest.raises(InvalidArgumentError):
            container.commit(reference, changes=changes)
    assert len(engine.images.list()) == 1


def test_the_commands_of_images_and_exports(busybox: Cli, tmp_path: Path) -> None:
    busybox("run", "--name", "c", "busybox", "touch", "/made", check=True)
    assert busybox("export", "-o", str(tmp_path / "c.tar"), "c").stdout == ""
    with tarfile.open(tmp_path / "c.tar") as archive:
        assert "made" in archive.getnames()
    done = busybox(
        "commit", "-a", "me", "-m", "why", "-c", "CMD ls /made", "-p=false", "c", "made:2", check=True
    )
    assert done.stdout.startswith("sha256:")
    assert busybox("run", "--rm", "made:2", check=True).stdout == "/made\n"
    history = busybox("history", "--format", "{{.Comment}} {{.CreatedBy}}", "made:2").stdout.splitlines()
    assert history[0] == "why touch /made"
    assert json.loads(busybox("image", "inspect", "made:2").stdout)[0]["Author"] == "me"
    busybox("rm", "c", check=True)


def test_a_container_that_is_copied_to_cannot_be_started_meanwhile(engine, image, tmp_path) -> None:
    container = engine.create(RunOptions(image=image, command=("true",)))
    read, write = os.pipe()
    failures: list[BaseException] = []

    def copy() -> None:
        try:
            container.put_archive("/", read)
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=copy)
    thread.start()
    lock = f"{engine.run_root}/containers/{container.id}/shim.lock"
    for _ in range(1000):
        if os.path.exists(lock) and is_locked(lock):
            break
        thread.join(0.01)
    with pytest.raises(ConflictError):
        container.start()
    os.write(write, b"\0" * 1024)
    os.close(write)
    thread.join(20)
    os.close(read)
    assert failures == []
    container.start()
    assert container.wait(20) == 0
