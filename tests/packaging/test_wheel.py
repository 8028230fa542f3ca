"""A wheel, installed where nothing of the sources is."""

import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from helpers.engine import EngineRoots
from helpers.warm import Warm

REPOSITORY = Path(__file__).parents[2]
# The wheel is compiled where a source is newer than the last build.
pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `bin` of an environment with the wheel; what it depends on comes from the tests' own environment."""
    wheels, environment = tmp_path_factory.mktemp("wheels"), tmp_path_factory.mktemp("environment")
    build = [Path(sys.executable).parent / "maturin", "build", "--release", "--locked", "--out", wheels]
    subprocess.run(build, cwd=REPOSITORY, check=True, capture_output=True, timeout=600)
    [wheel] = wheels.glob("*.whl")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True, timeout=60)
    [packages] = environment.glob("lib/python*/site-packages")
    pip = [sys.executable, "-m", "pip", "--quiet", "--python", environment / "bin" / "python"]
    subprocess.run([*pip, "install", "--no-deps", "--no-index", wheel], check=True, timeout=60)
    # A path of a .pth file comes after the directory that it is in: the wheel's rocker is the first.
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return environment / "bin"


def test_the_command_of_a_wheel_runs_a_container_cold_and_warm(
    installed: Path, engine_roots: EngineRoots, busybox_rootfs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = [installed / "rocker", *engine_roots.command()[1:], "run", "--rm", "--rootfs", busybox_rootfs]

    def run(*words: str) -> str:
        done = subprocess.run(
            [*command, *words], capture_output=True, text=True, check=False, timeout=60, cwd="/"
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert run("echo", "cold") == "cold\n"
    with Warm(engine_roots, monkeypatch, installed / "rocker") as warm:
        before = warm.settled()
        assert run("echo", "warm") == "warm\n"
        worker = warm.replaced(before)
        assert worker is not None
        assert worker.command.startswith(f"{installed}/python")


def test_the_python_package_of_a_wheel_is_the_one_that_is_imported(
    installed: Path, engine_roots: EngineRoots, busybox_rootfs: Path
) -> None:
    program = (
        "import rocker, sys\n"
        "with rocker.Engine(*sys.argv[1:3]) as engine:\n"
        "    print(rocker.__file__, engine.run(None, ['echo', 'x'], rootfs=sys.argv[3]).stdout)\n"
    )
    done = subprocess.run(
        [installed / "python", "-I", "-c", program, engine_roots.root, engine_roots.run, busybox_rootfs],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    path, output = done.stdout.split(maxsplit=1)
    assert path.startswith(str(installed.parent))
    assert output == "b'x\\n'\n"


def test_the_bytecode_of_a_wheel_is_compiled_when_it_is_installed(installed: Path) -> None:
    [package] = installed.parent.glob("lib/python*/site-packages/rocker")
    sources = list(package.rglob("*.py"))
    compiled = {path.name.partition(".")[0] + str(path.parent.parent) for path in package.rglob("*.pyc")}
    assert sources
    assert {path.stem + str(path.parent) for path in sources} == compiled
