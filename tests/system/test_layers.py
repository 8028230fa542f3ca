"""Root file systems of many layers, in both of the forms that kernels take them."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "unit"))
from image_archives import config, docker_archive, tar

if TYPE_CHECKING:
    from helpers.engine import EngineRoots

BUSYBOX = Path("/bin/busybox")


@pytest.fixture(params=["descriptor", "path"])
def form(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """How overlay is given its directories; a kernel before 6.15 takes paths in either case."""
    if request.param == "path":
        monkeypatch.setenv("ROCKER_OVERLAY", "path")
    return request.param


def image_of(path: Path, layers: int) -> Path:
    """An image of so many layers: layer n has /n, and writes its number over /top."""
    base = tar({"bin/busybox": BUSYBOX.read_bytes()}, {"bin/sh": "busybox"}, mode=0o755)
    rest = [tar({str(number): b"", "top": f"{number}\n".encode()}) for number in range(1, layers)]
    document = json.loads(config(base, *rest))
    document["config"]["Cmd"] = ["/bin/busybox", "sh"]
    path.write_bytes(
        tar(docker_archive(base, *rest, tags=["many:1"], document=json.dumps(document).encode()))
    )
    return path


@pytest.mark.parametrize("layers", [1, 20, 120])
def test_an_image_of_so_many_layers_shows_them_all_and_the_topmost_wins(
    engine_roots: EngineRoots, tmp_path: Path, form: str, layers: int
) -> None:
    engine_roots.cli("load", "-i", image_of(tmp_path / "many.tar", layers), check=True)
    script = "bb=/bin/busybox; set -e; for n in $($bb seq 1 $1); do [ -f /$n ] || $bb echo no $n; done; "
    script += (
        "[ $1 = 0 ] || $bb cat /top; $bb echo new >/top; $bb cat /top; $bb grep ' / / ' /proc/self/mountinfo"
    )
    done = engine_roots.cli("run", "--rm", "many:1", "sh", "-c", script, "sh", layers - 1)
    assert done.returncode == 0, done.stderr
    expected = ([f"{layers - 1}"] if layers > 1 else []) + ["new"]
    *lines, mount = done.stdout.splitlines()
    assert lines == expected
    if form == "path":
        assert "lowerdir=0" in mount


def test_a_plain_directory_is_never_written_in_either_form(
    engine_roots: EngineRoots, form: str, busybox_rootfs: Path
) -> None:
    before = sorted(path.name for path in busybox_rootfs.iterdir())
    done = engine_roots.cli(
        "run", "--rm", "--rootfs", busybox_rootfs, "sh", "-c", "echo a >/b; cat /b; rm -r /bin"
    )
    assert done.stdout == "a\n"
    assert sorted(path.name for path in busybox_rootfs.iterdir()) == before


def test_the_hosts_own_root_serves_as_one(engine_roots: EngineRoots, form: str) -> None:
    # The data root lies below it.
    file = Path(f"/written-by-{engine_roots.base.name}")
    script = f"sed -n s/^ID=//p /etc/os-release; hostname; cat /etc/hostname; touch {file}"
    try:
        done = engine_roots.cli("run", "--rm", "--hostname", "inside", "--rootfs", "/", "sh", "-c", script)
        assert (done.returncode, done.stdout, done.stderr) == (0, "debian\ninside\ninside\n", "")
        assert not file.exists()
    finally:
        file.unlink(missing_ok=True)


def test_what_an_image_lacks_to_mount_over_is_not_made_in_it(
    engine_roots: EngineRoots, tmp_path: Path, form: str
) -> None:
    engine_roots.cli("load", "-i", image_of(tmp_path / "one.tar", 1), check=True)
    engine_roots.cli("run", "--name", "one", "many:1", "sh", "-c", ": >/dev/null", check=True)
    (upper,) = engine_roots.root.glob("containers/*/upper")
    assert list(upper.rglob("*")) == []
    engine_roots.cli("rm", "one", check=True)


def test_links_of_an_image_win_over_the_base_layer(engine_roots: EngineRoots, tmp_path: Path) -> None:
    base = tar({"bin/busybox": BUSYBOX.read_bytes()}, {"bin/sh": "busybox", "etc": "bin"}, mode=0o755)
    (tmp_path / "links.tar").write_bytes(base)
    engine_roots.cli("import", tmp_path / "links.tar", "links", check=True)
    done = engine_roots.cli("run", "--rm", "links", "/bin/busybox", "readlink", "/etc")
    assert (done.stdout, done.stderr) == ("bin\n", "")
