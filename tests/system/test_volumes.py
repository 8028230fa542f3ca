"""Volumes: made, shown in containers, filled from the image, shared, kept and removed."""

from __future__ import annotations

import os
import tarfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from helpers.attack import base_layer, data_layer, docker_archive, layer
from rocker.engine.options import ImageMount, RunOptions, VolumeMount
from rocker.errors import ConflictError, InvalidArgumentError, NotFoundError, RockerError, VolumeNotFoundError

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable

    from helpers.engine import EngineRoots
    from rocker import Engine

    Cli = Callable[..., subprocess.CompletedProcess[str]]

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="containers need root")


@pytest.fixture
def image(engine: Engine, engine_roots: EngineRoots) -> str:
    """An image with something at `/data`, a VOLUME `/kept` with a file, and busybox."""
    kept = layer([("kept/here", b"from the image")])
    archive = docker_archive([base_layer(), data_layer(), kept], "data:1", {"Volumes": {"/kept": {}}})
    engine_roots.cli("load", stdin=archive, check=True)
    return "data:1"


@pytest.fixture
def sh(engine: Engine, image: str) -> Callable[..., str]:
    def run(script: str, *mounts: object, **options: object) -> str:
        result = engine.run(image, ["sh", "-c", script], mounts=mounts, **options)  # type: ignore[arg-type]
        assert result.exit_code == 0, result
        return result.text

    return run


def test_a_volume_outlives_its_containers_and_is_shared(sh, engine) -> None:
    sh("echo one > /x/f", "store:/x")
    assert sh("cat /y/f", "store:/y") == "one\n"
    assert sh("cat /y/f; ! echo two > /y/f 2>/dev/null", "store:/y:ro") == "one\n"
    assert [volume.name for volume in engine.volumes.list()] == ["store"]
    assert engine.volumes.get("store").containers() == []


def test_a_new_volume_gets_what_the_image_has_with_owners_modes_times_and_links(sh, engine) -> None:
    listing = "stat -c '%n %a %u:%g %Y %F' /data /data/* /data/deep/er; readlink /data/link; cat /data/link"
    assert sh(listing, "filled:/data") == sh(listing)
    data = engine.volumes.get("filled").mountpoint
    assert sorted(os.listdir(data)) == ["deep", "file", "link", "program"]
    assert os.listdir(os.path.dirname(data)) == ["_data"]


def test_only_an_empty_volume_is_filled_and_only_unless_nocopy(sh) -> None:
    sh("echo mine > /x/own", "mine:/x")
    assert sh("ls /data", "mine:/data") == "own\n"
    assert sh("ls -A /data", "bare:/data:nocopy") == ""
    assert sh("ls -A /data", VolumeMount("/data", "bare2", no_copy=True)) == ""


def test_a_link_in_the_image_is_followed_inside_when_a_volume_is_filled(sh) -> None:
    assert sh("cat /data/file", "v1:/link") == "content"


def test_the_owner_of_an_empty_directory_of_the_image_can_write_to_the_volume(engine_roots, engine) -> None:
    empty = tarfile.TarInfo("var/own")
    empty.type, empty.mode, empty.uid, empty.gid = tarfile.DIRTYPE, 0o700, 405, 100
    archive = docker_archive([base_layer(), layer([empty])], "own:1")
    engine_roots.cli("load", stdin=archive, check=True)
    for _ in range(2):
        result = engine.run("own:1", ["touch", "/var/own/f"], user="405:100", mounts=["owned:/var/own"])
        assert result.exit_code == 0, result


def test_a_filling_that_was_interrupted_is_begun_anew(sh, engine) -> None:
    volume = engine.volumes.create("half")
    os.mkdir(f"{volume.mountpoint}/rest")
    with open(os.path.dirname(volume.mountpoint) + "/filling", "w"):
        pass
    assert sh("ls /data", "half:/data") == "deep\nfile\nlink\nprogram\n"
    assert os.listdir(os.path.dirname(volume.mountpoint)) == ["_data"]


def test_two_containers_that_start_at_once_fill_a_volume_once(engine, image) -> None:
    results: list[str] = []

    def one() -> None:
        results.append(engine.run(image, ["ls", "/data"], mounts=["both:/data"]).text)

    threads = [threading.Thread(target=one) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == ["deep\nfile\nlink\nprogram\n"] * 8


def test_the_images_volumes_are_anonymous_and_go_with_an_rm_container(engine, image) -> None:
    assert engine.run(image, ["cat", "/kept/here"]).text == "from the image"
    assert engine.volumes.list() == []
    container = engine.run(image, ["sleep", "60"], detach=True)
    (volume,) = engine.volumes.list()
    assert volume.anonymous
    assert len(volume.name) == 64
    assert volume.containers() == [container.id]
    assert container.inspect()["Mounts"][0]["Name"] == volume.name
    container.remove(force=True)
    assert [one.name for one in engine.volumes.list()] == [volume.name]
    assert engine.volumes.prune()["VolumesDeleted"] == [volume.name]


def test_rm_with_volumes_takes_anonymous_ones_and_leaves_named_and_shared_ones(engine, image) -> None:
    lender = engine.run(image, ["sleep", "60"], detach=True, mounts=["named:/n", VolumeMount("/a")])
    borrower = engine.run(image, ["sleep", "60"], detach=True, volumes_from=[lender.name])
    assert len(engine.volumes.list()) == 3
    lender.remove(force=True, volumes=True)
    assert len(engine.volumes.list()) == 3
    borrower.remove(force=True, volumes=True)
    assert [volume.name for volume in engine.volumes.list()] == ["named"]
    assert sorted(os.listdir(f"{engine.root}/volumes")) == ["named"]
    assert os.listdir(f"{engine.root}/tmp") == []


def test_a_detached_rm_container_that_has_ended_takes_its_anonymous_volumes_along(engine, image) -> None:
    container = engine.run(image, ["true"], detach=True, auto_remove=True)
    try:
        container.wait(10)
    except NotFoundError:
        pass
    engine.core.settle(engine.run_root, engine.root, container.id)
    assert engine.containers.list(all=True) == []
    assert engine.volumes.list() == []
    assert os.listdir(f"{engine.root}/volumes") == []


def test_volumes_from_lends_binds_and_volumes_read_only_if_asked(engine, image, tmp_path) -> None:
    (tmp_path / "file").write_text("host")
    engine.create(_options(image, mounts=(VolumeMount("/v", "lent"),), name="lender")).start()
    engine.run(image, ["true"], detach=True, name="binder", mounts=[f"{tmp_path}:/b"])
    script = "cat /b/file; echo x > /v/f && cat /v/f"
    result = engine.run(image, ["sh", "-c", script], volumes_from=["lender", "binder:ro"])
    assert result.text == "hostx\n"
    result = engine.run(image, ["sh", "-c", "echo x > /v/g"], volumes_from="lender:ro")
    assert b"Read-only file system" in result.stderr
    own = engine.run(image, ["cat", "/v/own"], volumes_from=["lender"], mounts=[_with_file(engine, "own")])
    assert own.text == "own"


def _with_file(engine: Engine, name: str) -> VolumeMount:
    volume = engine.volumes.create(f"volume-{name}")
    with open(f"{volume.mountpoint}/{name}", "w") as file:
        file.write(name)
    return VolumeMount("/v", volume.name)


def _options(image: str, **options: object):
    return RunOptions(image=image, command=("true",), **options)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nosuch", "No such container: nosuch"), ("x:bad", "invalid mode: bad"), ("x:ro,rw", "invalid mode: ro,rw"),
        (":ro", "volumes-from specification cannot be an empty string"),
    ],
)  # fmt: skip
def test_volumes_from_refuses_what_it_cannot_mean(engine, image, text, message) -> None:
    with pytest.raises(RockerError) as caught:
        engine.run(image, ["true"], volumes_from=[text])
    assert caught.value.message == message
    assert engine.volumes.list() == []


def test_the_backup_and_restore_recipe_works(busybox: Cli, tmp_path: Path) -> None:
    busybox(
        "run", "--name", "store", "-v", "/dbdata", "busybox", "sh", "-c", "echo kept > /dbdata/f", check=True
    )
    backup = f"{tmp_path}:/backup"
    busybox(
        "run", "--rm", "--volumes-from", "store", "-v", backup, "busybox", "tar", "cf", "/backup/b.tar", "/dbdata",
        check=True,
    )  # fmt: skip
    with tarfile.open(tmp_path / "b.tar") as archive:
        assert archive.getnames() == ["dbdata", "dbdata/f"]
    busybox("run", "--name", "store2", "-v", "/dbdata", "busybox", "true", check=True)
    busybox(
        "run", "--rm", "--volumes-from", "store2", "-v", backup, "busybox",
        "sh", "-c", "cd /dbdata && tar xf /backup/b.tar --strip 1", check=True,
    )  # fmt: skip
    busybox("start", "store2", check=True)
    shown = busybox("run", "--rm", "--volumes-from", "store2:ro", "busybox", "cat", "/dbdata/f", check=True)
    assert shown.stdout == "kept\n"
    busybox("rm", "-fv", "store", "store2", check=True)
    assert busybox("volume", "ls", "-q").stdout == ""


def test_a_volume_in_use_names_its_containers_and_stays(busybox: Cli) -> None:
    for name in ("first", "second"):
        busybox("create", "--name", name, "-v", "used:/x", "busybox", "true", check=True)
    ids = [busybox("inspect", "-f", "{{.Id}}", name).stdout.strip() for name in ("first", "second")]
    for force in ((), ("-f",)):
        done = busybox("volume", "rm", *force, "used")
        assert done.returncode == 1
        assert done.stderr == (
            f"rocker: remove used: volume is in use - [{', '.join(ids)}]\n"
            "hint: remove first what uses it: rocker rm first second\n"
        )
    busybox("rm", "first", "second", check=True)
    assert busybox("volume", "rm", "used").stdout == "used\n"


def test_a_container_that_is_refused_leaves_no_volume(engine, image) -> None:
    with pytest.raises(InvalidArgumentError):
        engine.run(image, ["true"], mounts=["never:/x", VolumeMount("/y")], memory=1)
    with pytest.raises(RockerError):
        engine.run(image, ["/no/such/program"], mounts=[VolumeMount("/y")])
    assert engine.volumes.list() == []
    assert not os.path.isdir(f"{engine.root}/volumes") or os.listdir(f"{engine.root}/volumes") == []


def test_a_subpath_of_a_volume_is_shown_and_never_anything_outside(sh, engine, tmp_path) -> None:
    (tmp_path / "secret").write_text("canary")
    sh(
        "mkdir -p /v/a/b; echo in > /v/a/b/f; ln -s /a /v/abs; ln -s a /v/rel; ln -s ../../.. /v/out",
        "sub:/v",
    )
    os.symlink(tmp_path, engine.volumes.get("sub").mountpoint + "/host")
    assert sh("cat /x/b/f", VolumeMount("/x", "sub", subpath="rel")) == "in\n"
    assert sh("cat /x", VolumeMount("/x", "sub", subpath="a/b/f")) == "in\n"
    for path, message in (
        ("abs", "subpath abs leads out of volume `sub`"), ("out", "subpath out leads out of volume `sub`"),
        ("host", "subpath host leads out of volume `sub`"),
        ("no/such", "cannot access path no/such of volume `sub`: no such file or directory"),
        ("../sub", "subpath must be a relative path within the volume"), ("/a", "subpath must be a relative path"),
    ):  # fmt: skip
        with pytest.raises(RockerError) as caught:
            sh("true", VolumeMount("/x", "sub", subpath=path))
        assert message in caught.value.message


def test_an_image_is_mounted_read_only(sh) -> None:
    assert sh("cat /i/data/file; ! touch /i/x 2>/dev/null", ImageMount("data:1", "/i")) == "content"
    assert sh("cat /i/file", ImageMount("data:1", "/i", "data")) == "content"


def test_a_mounted_image_is_in_use(engine, image, busybox_tar) -> None:
    shown = engine.images.import_(busybox_tar, "shown:1").id
    nameless = engine.images.import_(busybox_tar, message="another").id
    mounts = [ImageMount("shown:1", "/i"), ImageMount(nameless, "/j")]
    container = engine.run(image, ["sleep", "1000"], detach=True, name="holds", mounts=mounts)

    def refusal(reference: str, *, force: bool = False) -> str:
        with pytest.raises(ConflictError) as caught:
            engine.images.remove(reference, force=force)
        return caught.value.message.partition("(")[2]

    short = f"container {container.short_id} (holds)"
    assert refusal("shown:1") == f"must force) - {short} is mounting its referenced image {shown[7:19]}"
    assert refusal(shown, force=True) == f"cannot be forced) - image is being mounted by running {short}"
    assert engine.images.prune(all=True)["ImagesDeleted"] == []
    container.stop(0)
    assert refusal(nameless) == f"must be forced) - image is being mounted by stopped {short}"
    container.remove()
    assert {"Deleted": nameless} in engine.images.prune()["ImagesDeleted"]
    assert {"Deleted": shown} in engine.images.remove("shown:1")


def test_the_local_driver_mounts_in_the_container_alone(sh, engine, tmp_path) -> None:
    before = Path("/proc/self/mountinfo").read_text()
    (tmp_path / "f").write_text("bound")
    volumes = engine.volumes
    volumes.create("bound", options={"type": "none", "o": "bind,ro", "device": str(tmp_path)})
    volumes.create("memory", options={"type": "tmpfs", "o": "size=1m,mode=0700,noexec", "device": "tmpfs"})
    assert sh("cat /b/f; ! touch /b/g 2>/dev/null", "bound:/b") == "bound"
    shown = sh("grep ' /m ' /proc/mounts; stat -c %a /m; ls /m", "memory:/m")
    assert shown.startswith("tmpfs /m tmpfs rw,")
    assert "noexec" in shown
    assert "size=1024k" in shown
    assert shown.endswith("700\n")
    assert sh("cat /data/file", "memory:/data") == "content"
    assert Path("/proc/self/mountinfo").read_text() == before
    volumes.create("gone", options={"type": "none", "o": "bind", "device": f"{tmp_path}/gone"})
    with pytest.raises(NotFoundError) as caught:
        sh("true", "gone:/x")
    assert caught.value.message == (
        f"error while mounting volume '{engine.root}/volumes/gone/_data': failed to mount local volume: "
        f"mount {tmp_path}/gone: no such file or directory"
    )
    volumes.create("odd", options={"type": "nosuchfs", "device": "x"})
    with pytest.raises(RockerError, match="failed to mount local volume: mount x: no such device"):
        sh("true", "odd:/x")


def test_containers_that_run_at_once_share_a_tmpfs_and_it_goes_with_the_last(sh, engine, image) -> None:
    engine.volumes.create("shared", options={"type": "tmpfs", "o": "size=1m", "device": "tmpfs"})
    command = ["sh", "-c", "echo seen > /a/f; sleep 1000"]
    first = engine.run(image, command, detach=True, mounts=["shared:/a"])
    while first.exec(["test", "-e", "/a/f"]).exit_code:
        pass
    assert (
        sh("cat /b/f; echo back > /b/g; ! echo x > /c/f 2>/dev/null", "shared:/b", "shared:/c:ro") == "seen\n"
    )
    assert first.exec(["cat", "/a/g"]).text == "back\n"
    first.remove(force=True)
    assert sh("ls -A /b", "shared:/b") == ""


def test_a_volume_over_a_file_of_the_image_is_refused(sh) -> None:
    with pytest.raises(RockerError, match="a directory can be mounted only on a directory"):
        sh("true", "over:/bin/busybox")


def test_a_container_that_restarts_finds_its_volumes_again(engine, image) -> None:
    script = "echo x >> /v/starts; ls /data/file; test $(wc -l < /v/starts) = 3"
    mounts = (VolumeMount("/v", "counted"), VolumeMount("/data", "filled"))
    options = RunOptions(image=image, command=("sh", "-c", script), mounts=mounts, restart="on-failure:5")
    container = engine.create(options)
    container.start()
    deadline = time.monotonic() + 30
    while container.status != "exited" and time.monotonic() < deadline:
        container.wait(30)
    assert (container.status, container.exit_code) == ("exited", 0)
    assert container.logs() == b"/data/file\n" * 3
    with open(engine.volumes.get("counted").mountpoint + "/starts") as file:
        assert file.read() == "x\n" * 3


def test_volumes_are_listed_filtered_and_pruned(engine) -> None:
    volumes = engine.volumes
    volumes.create("a1", labels={"kind": "x"})
    volumes.create("a2", labels={"kind": "y"})
    anonymous = volumes.create()
    assert [one.name for one in volumes.list(filters={"label": "kind=x"})] == ["a1"]
    assert [one.name for one in volumes.list(filters={"name": "a", "label": ["kind"]})] == ["a1", "a2"]
    assert volumes.list(filters={"dangling": "false"}) == []
    assert volumes.prune() == {"VolumesDeleted": [anonymous.name], "SpaceReclaimed": 0}
    with open(volumes.get("a1").mountpoint + "/f", "wb") as file:
        file.write(b"x" * 1000)
    assert volumes.prune(all=True, filters={"label!": "kind=y"}) == {
        "VolumesDeleted": ["a1"],
        "SpaceReclaimed": 1000,
    }
    with pytest.raises(VolumeNotFoundError, match="get a1: no such volume"):
        volumes.get("a1")
    with pytest.raises(InvalidArgumentError, match="Invalid filter 'size'"):
        volumes.list(filters={"size": "1"})


def test_a_volume_whose_row_a_crash_took_is_taken_over_with_its_content(sh, engine) -> None:
    sh("echo kept > /x/f", "lost:/x")
    with engine.catalog.write() as db:
        db.execute("DELETE FROM volumes")
    assert sh("cat /x/f", "lost:/x") == "kept\n"


def test_a_volume_whose_directory_has_gone_is_told_and_can_be_removed(sh, engine) -> None:
    volume = engine.volumes.create("hollow")
    engine.core.remove_tree(os.path.dirname(volume.mountpoint))
    with pytest.raises(NotFoundError, match="the directory of volume `hollow` is missing"):
        sh("true", "hollow:/x")
    volume.remove()
    volume.remove(force=True)
    with pytest.raises(VolumeNotFoundError):
        volume.remove()


def test_a_removal_that_was_interrupted_is_finished_by_the_next_prune(engine) -> None:
    volume = engine.volumes.create("old")
    os.rename(os.path.dirname(volume.mountpoint), f"{engine.root}/tmp/volume-0123")
    volume.remove()
    engine.volumes.prune()
    assert os.listdir(f"{engine.root}/tmp") == []


def test_a_volume_used_meanwhile_is_not_removed(engine, image) -> None:
    volume = engine.volumes.create("busy")
    container = engine.create(_options(image, mounts=(VolumeMount("/x", "busy"),)))
    with pytest.raises(ConflictError, match="volume is in use"):
        volume.remove()
    container.remove()
    volume.remove()


def test_the_directories_of_volumes_are_closed_to_others(engine) -> None:
    volume = engine.volumes.create("closed")
    modes = [
        os.stat(path).st_mode & 0o777
        for path in (f"{engine.root}/volumes", os.path.dirname(volume.mountpoint))
    ]
    assert modes == [0o700, 0o700]
    assert os.stat(volume.mountpoint).st_mode & 0o777 == 0o755
