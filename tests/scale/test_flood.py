"""A flood of output: the log rotates, is read meanwhile, and nobody's memory grows with it."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    import rocker
    from helpers.engine import EngineRoots

LINE = b"0123456789" * 6 + b"abc\n"
MIB = 1 << 20


def _peak(pid: int) -> int:
    """VmHWM of a process, in bytes (proc(5))."""
    found = re.search(r"^VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    assert found
    return int(found[1]) * 1024


@pytest.mark.parametrize("driver", ["json-file", "local"])
@pytest.mark.parametrize("compress", ["false", "true"])
@pytest.mark.parametrize(
    "size", [64 * MIB, pytest.param(1024 * MIB, marks=[pytest.mark.slow, pytest.mark.timeout(900)])]
)
def test_a_flood_is_rotated_and_read_with_bounded_memory(
    engine: rocker.Engine,
    engine_roots: EngineRoots,
    busybox_rootfs: Path,
    driver: str,
    compress: str,
    size: int,
) -> None:
    container = engine.run(
        rootfs=str(busybox_rootfs),
        command=["sh", "-c", f"yes {LINE[:-1].decode()} | head -c {size}; echo end; exec sleep 600"],
        log_driver=driver,
        log_opts={"max-size": "4m", "max-file": "3", "compress": compress},
        detach=True,
    )
    command = engine_roots.command("logs", "-f", container.id)
    with subprocess.Popen(command, stdout=subprocess.PIPE) as reader:
        assert reader.stdout
        while (line := reader.stdout.readline()) != b"end\n":
            assert line == LINE
        assert _peak(reader.pid) < 96 * MIB
        reader.kill()
    state = engine.state(container.id)
    assert state
    assert _peak(state["shim_pid"]) < 32 * MIB
    files = list((engine_roots.root / "containers" / container.id / "log").iterdir())
    assert 2 <= len(files) <= 4
    assert sum(path.stat().st_size for path in files) <= 3 * 5 * MIB
    kept = container.logs()
    assert kept.endswith(LINE + b"end\n")
    assert set(kept.splitlines(keepends=True)[1:-1]) == {LINE}
    assert container.logs(tail=1) == b"end\n"
