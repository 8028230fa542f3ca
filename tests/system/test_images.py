"""Archives of images against skopeo, which reads and writes the same formats."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "unit"))
from image_archives import config, digest, docker_archive, require_core, tar

from rocker.engine.catalog import Catalog
from rocker.images.archive import load
from rocker.images.images import ImageService
from rocker.images.save import save

if TYPE_CHECKING:
    from collections.abc import Iterator

require_core()
if shutil.which("skopeo") is None:
    pytest.skip("skopeo is not installed", allow_module_level=True)

LOW, HIGH = tar({"etc/low": b"low"}), tar({"etc/high": b"high"})


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    with Catalog(tmp_path / "root") as opened:
        (tmp_path / "a.tar").write_bytes(tar(docker_archive(LOW, HIGH, tags=["app:1", "app:2"])))
        load(opened, tmp_path / "a.tar")
        with (tmp_path / "saved.tar").open("wb") as out:
            save(opened, ["app:1"], out.fileno())
        yield opened


def skopeo(*arguments: str) -> str:
    done = subprocess.run(
        ["skopeo", "--insecure-policy", *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("transport", ["docker-archive", "oci-archive"])
def test_skopeo_reads_what_save_wrote(catalog: Catalog, tmp_path: Path, transport: str) -> None:
    shown: dict[str, Any] = json.loads(skopeo("inspect", f"{transport}:{tmp_path}/saved.tar"))
    assert shown["Layers"] == [digest(LOW), digest(HIGH)]
    assert shown["Architecture"] == "amd64"
    assert (
        skopeo("inspect", "--raw", "--config", f"{transport}:{tmp_path}/saved.tar")
        == config(LOW, HIGH).decode()
    )


@pytest.mark.parametrize("transport", ["docker-archive", "oci-archive"])
@pytest.mark.parametrize("compress", [(), ("--dest-compress-format=gzip", "--dest-compress-format=zstd")])
def test_what_skopeo_wrote_is_loaded(
    catalog: Catalog, tmp_path: Path, transport: str, compress: tuple[str, ...]
) -> None:
    chosen = compress[-1:] if transport == "oci-archive" else ()
    target = f"{transport}:{tmp_path}/copy.tar:example.org/app:3"
    skopeo("copy", *chosen, f"docker-archive:{tmp_path}/saved.tar", target)
    with Catalog(tmp_path / "other") as other:
        load(other, tmp_path / "copy.tar")
        image = ImageService(other).get("example.org/app:3")
        assert [layer.diff_id for layer in image.layers] == [digest(LOW), digest(HIGH)]
        path = Path(other.root) / ImageService(other).layers(image)[1]
        assert (path / "etc/high").read_bytes() == b"high"
