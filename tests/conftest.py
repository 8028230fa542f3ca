"""Fixtures of all tests. Nothing here needs root or the compiled extension until a test asks for it."""

import os
import signal
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import CompletedProcess
from typing import TYPE_CHECKING

import pytest

from helpers import images
from helpers.engine import EngineRoots
from helpers.leaks import LeakCheck, clean_up, foreign_engines, only_run
from helpers.terminal import Terminal
from helpers.warm import Warm

if TYPE_CHECKING:
    import rocker
    from helpers.networks import Host


# The command runs cold unless a test says otherwise: a template that one test leaves would serve the next.
os.environ["ROCKER_WARM"] = "0"
# No test asks a registry of the internet, or with its user's credentials: docker.io is where nobody listens.
os.environ["CONTAINERS_REGISTRIES_CONF"] = str(Path(__file__).parent / "helpers/registries.conf")
os.environ["DOCKER_CONFIG"] = "/nonexistent"
for _name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "REGISTRY_AUTH_FILE"):
    os.environ.pop(_name, None)
# What nohup(1), or `&` in a script, has the tests ignore would be ignored by every command that they start.
for _number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT):
    if signal.getsignal(_number) is signal.SIG_IGN:
        signal.signal(_number, signal.default_int_handler if _number is signal.SIGINT else signal.SIG_DFL)


@pytest.fixture(scope="session", autouse=True)
def the_machine_as_it_was() -> Iterator[None]:
    """The whole run leaves no engine, cgroup, link, namespace or table behind, whatever became of its tests."""
    if os.geteuid() != 0:
        yield
        return
    nobody = EngineRoots(Path("/nonexistent"), "the whole run")
    with only_run() as alone:
        check = LeakCheck(nobody)
        yield
        # An engine that was at work before, or another run's, tells nothing of this one.
        left = foreign_engines(nobody) if not check.before.foreign and alone() else []
    if leaks := [f"process {process}" for process in left] + check.leaks():
        pytest.fail("the tests left behind:\n" + "\n".join(f"  {leak}" for leak in leaks), pytrace=False)


@pytest.fixture
def engine_roots(request: pytest.FixtureRequest) -> Iterator[EngineRoots]:
    """Roots of this test's own, empty; whatever was left in them is a failure, and removed.

    A test that leaves something on purpose says so: `@pytest.mark.leaves("reason")`.
    """
    if os.geteuid() != 0:
        pytest.skip("containers need root")
    roots = EngineRoots(Path(tempfile.mkdtemp(prefix="rk", dir="/tmp")), request.node.nodeid)
    (roots.base / "test").write_text(request.node.nodeid + "\n")
    check = LeakCheck(roots)
    yield roots
    try:
        leaks = check.leaks()
    finally:
        clean_up(roots)
    if leaks and not request.node.get_closest_marker("leaves"):
        pytest.fail("left behind:\n" + "\n".join(f"  {leak}" for leak in leaks), pytrace=False)


@pytest.fixture
def engine(engine_roots: EngineRoots) -> Iterator["rocker.Engine"]:
    """An engine in this process, on the test's own roots; its containers are removed afterwards."""
    import rocker

    with rocker.Engine(engine_roots.root, engine_roots.run) as engine:
        yield engine
        for container in engine.containers.list(all=True):
            container.remove(force=True)


@pytest.fixture
def run_cli(engine_roots: EngineRoots) -> Callable[..., CompletedProcess[str]]:
    """`run_cli("run", "busybox", "true", stdin=…, timeout=…, env=…, check=…)` on the test's own roots."""
    return engine_roots.cli


@pytest.fixture
def terminal(engine_roots: EngineRoots) -> Iterator[Callable[..., Terminal]]:
    """`terminal("run", "-it", "busybox", "sh", width=…, height=…)`: the command on a pty of its own."""
    opened: list[Terminal] = []

    def start(*arguments: str | Path, width: int = 80, height: int = 24) -> Terminal:
        opened.append(Terminal(engine_roots.command(*arguments), width=width, height=height))
        return opened[-1]

    yield start
    for one in opened:
        one.__exit__()


@pytest.fixture
def warm(engine_roots: EngineRoots, monkeypatch: pytest.MonkeyPatch) -> Iterator[Warm]:
    """Workers of this test's own, that wait; every command finds them."""
    with Warm(engine_roots, monkeypatch) as warm:
        yield warm


@pytest.fixture(scope="session")
def busybox_rootfs() -> Path:
    """A directory to use with `--rootfs`; tests must not write to it."""
    return images.busybox_rootfs()


@pytest.fixture(scope="session")
def busybox_tar() -> Path:
    """The busybox root file system as a tar, for `import`."""
    return images.busybox_tar()


@pytest.fixture(scope="session")
def busybox_image() -> Path:
    """A docker-archive with `busybox:latest`, for `load`."""
    return images.busybox_image()


@pytest.fixture(scope="session")
def debian_tar() -> Path:
    """A minimal Debian as a tar, for `import`; slow the first time."""
    return images.debian_tar()


@pytest.fixture
def host(engine_roots: EngineRoots, busybox_rootfs: Path) -> Iterator["Host"]:
    """A host of the test's own (helpers.networks.Host); afterwards nothing of its containers is left there."""
    from helpers.netns import Namespace, run
    from helpers.networks import TABLE, Host, elements
    from helpers.until import until
    from rocker import _core

    namespace = Namespace()
    with namespace.entered():
        made = Host(engine_roots, busybox_rootfs)
        yield made
        for container in made.running:
            container.end()
        for container in made.running:
            _core.settle(str(engine_roots.run), str(engine_roots.root), container.id)
        until(lambda: not [name for name in _core.links() if name.startswith("rkv")])
        for name in [name for name in _core.links() if name.startswith("rk-")]:
            assert elements("ports4") == elements("anywhere4") == elements("itself4") == []
            _core.network_remove(name, TABLE)
        assert TABLE not in run("nft", "list", "ruleset")
        assert list((engine_roots.run / "networks").glob("*/*")) == []
        assert not engine_roots.stop_launcher()
    namespace.close()
