"""What one `pip install` gives."""

import importlib.metadata
import os
import struct
import subprocess
import sys
from pathlib import Path

import pytest

core = pytest.importorskip("rocker._core", reason="rocker is not installed: `make build`")

PT_INTERP = 3


@pytest.fixture(scope="module")
def runtime() -> Path:
    return Path(core.__file__).parent / "_bin" / "rocker-runtime"


def program_header_types(executable: bytes) -> set[int]:
    """Of a 64-bit little-endian ELF file: elf(5), e_phoff at 32, e_phentsize at 54, e_phnum at 56."""
    assert executable[:6] == b"\x7fELF\x02\x01"
    (offset,) = struct.unpack_from("<Q", executable, 32)
    size, count = struct.unpack_from("<HH", executable, 54)
    return {struct.unpack_from("<I", executable, offset + index * size)[0] for index in range(count)}


def test_the_runtime_needs_no_loader(runtime: Path) -> None:
    assert PT_INTERP not in program_header_types(runtime.read_bytes())


def test_the_runtime_can_be_executed(runtime: Path) -> None:
    assert os.access(runtime, os.X_OK)
    # A launcher's start copies it into memory; of the 4.7 MB, 1.4 are TLS (docs/decisions/2026-11-26-log-servers.md).
    assert runtime.stat().st_size < 5 << 20


def test_the_extension_and_the_distribution_have_one_version() -> None:
    assert core.__version__ == importlib.metadata.version("rocker-engine")


def test_the_extension_serves_every_python_from_3_11_on() -> None:
    assert Path(core.__file__).name == "_core.abi3.so"


def test_the_command_is_installed_beside_the_interpreter() -> None:
    command = Path(sys.executable).parent / "rocker"
    assert os.access(command, os.X_OK)
    assert PT_INTERP not in program_header_types(command.read_bytes())
    assert command.stat().st_size < 2 << 20


def test_the_distribution_states_its_license() -> None:
    metadata = importlib.metadata.metadata("rocker-engine")
    assert metadata["License-Expression"] == "Apache-2.0"


def test_importing_the_extension_starts_nothing() -> None:
    program = "import os, rocker._core; print(len(os.listdir('/proc/self/task')))"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert result.stdout == "1\n"
