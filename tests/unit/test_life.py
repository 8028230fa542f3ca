"""Restart policies, health checks and updates as decisions: no container runs."""

import pytest
from engine_fake import FakeCore

from rocker import HealthCheck, RunOptions
from rocker.engine import health
from rocker.engine.boot import should_run
from rocker.engine.config import ContainerConfig
from rocker.engine.engine import Engine
from rocker.engine.keywords import options_of, restart_text
from rocker.engine.state import describe, document
from rocker.engine.update import merge
from rocker.errors import ConflictError, CorruptError, InvalidArgumentError

IMAGE = {"Test": ["CMD", "probe", "-v"], "Interval": 5 * 10**9, "StartPeriod": 10**9, "Retries": 4}


@pytest.fixture
def engine(tmp_path):
    (tmp_path / "tree").mkdir()
    with Engine(tmp_path / "root", tmp_path / "run", core=FakeCore()) as engine:
        engine.tree = str(tmp_path / "tree")
        yield engine


def config(**options):
    return ContainerConfig(options=RunOptions(**options), args=("x",))


# --- health checks ---


def test_what_the_user_did_not_say_of_a_health_check_is_the_images():
    merged = health.merge(HealthCheck(retries=2, timeout=3.0), IMAGE)
    assert merged == HealthCheck(
        ("CMD", "probe", "-v"), interval=5.0, timeout=3.0, start_period=1.0, retries=2
    )
    assert health.merge(None, IMAGE).retries == 4
    assert health.merge(HealthCheck(("NONE",)), IMAGE).test == ("NONE",)


def test_without_a_command_there_is_no_health_check():
    assert health.merge(HealthCheck(retries=2), None) is None
    assert health.merge(None, {"Interval": 10**9}) is None


@pytest.mark.parametrize(
    "document",
    [
        {"Test": "probe"}, {"Test": ["SHELL", "x"]}, {"Test": ["CMD", 1]}, {"Test": ["CMD", "x"], "Retries": "3"},
        {"Test": ["CMD", "x"], "Interval": -1}, {"Test": ["CMD", "a\0b"]},
        {"Test": ["CMD", "x"], "Interval": 999_999},
    ],
)  # fmt: skip
def test_an_images_malformed_health_check_is_refused(document):
    with pytest.raises(CorruptError, match="health check is malformed"):
        health.merge(None, document)


@pytest.mark.parametrize(
    ("check", "message"),
    [
        (HealthCheck(("EXEC", "x")), "Unknown probe type 'EXEC' in healthcheck"),
        (HealthCheck(("CMD",)), "has no command"),
        (HealthCheck(("CMD-SHELL", "")), "has no command"),
        (
            HealthCheck(("CMD", "x"), start_interval=0.0001),
            "StartInterval in Healthcheck cannot be less than 1ms",
        ),
        (HealthCheck(("CMD", "x"), start_period=-1.0), "StartPeriod in Healthcheck cannot be less than 1ms"),
        (HealthCheck(("CMD", "x"), retries=-1), "Retries in Healthcheck cannot be negative"),
    ],
)
def test_a_users_wrong_health_check_is_refused(check, message):
    with pytest.raises(InvalidArgumentError, match=message):
        health.merge(check, None)


def test_the_request_has_dockers_defaults_and_the_images_shell(engine):
    own = {"healthcheck": HealthCheck(("CMD-SHELL", "a && b")), "shell": ("/bin/ash", "-ec"), "user": "me:us"}
    merged = config(groups=("7",)).replace(**own)
    request = health.request(merged, "host", engine.warn)
    assert request["process"]["args"] == ["/bin/ash", "-ec", "a && b"]
    assert request["process"]["terminal"] is False
    times = [request[name] for name in ("interval", "timeout", "start_period", "start_interval", "retries")]
    assert times == [30.0, 30.0, 0.0, 5.0, 3]
    assert (request["user"], request["groups"]) == ("me:us", ["7"])
    assert health.request(merged.replace(healthcheck=HealthCheck(("NONE",))), "host", engine.warn) is None


def test_a_health_check_survives_the_catalogue(engine):
    container = engine.run(
        rootfs=engine.tree, command=["x"], detach=True, healthcheck=["probe"], restart_policy="on-failure:3"
    )
    found = engine.containers.get(container.id)
    assert found.config.healthcheck is not None
    assert list(found.config.healthcheck.test) == ["CMD", "probe"]
    assert found.options.restart == "on-failure:3"
    request = engine.core.started[-1]
    assert request["restart"] == {"policy": "on-failure", "max_retries": 3}
    assert request["health"]["process"]["args"] == ["probe"]


# --- restart policies ---


def test_a_restart_policy_may_be_dockers_object():
    assert restart_text({"Name": "on-failure", "MaximumRetryCount": 5}) == "on-failure:5"
    assert restart_text({"Name": "always"}) == "always"
    assert restart_text({"Name": ""}) == restart_text(None) == "no"
    assert options_of("x", (), {"restart_policy": "always"}, detach=True).restart == "always"


@pytest.mark.parametrize(
    ("policy", "state", "expected"),
    [
        ("always", {"status": "exited", "stopped": True}, True),
        ("unless-stopped", {"status": "exited", "stopped": True}, False),
        ("unless-stopped", {"status": "exited", "stopped": False}, True),
        ("on-failure", {"status": "exited", "exit_code": 255}, False),
        ("no", {"status": "exited"}, False),
        ("always", {"status": "running"}, False),
        ("always", {"status": "restarting"}, False),
        ("always", None, False),
    ],
)
def test_what_is_started_with_the_machine(policy, state, expected):
    assert should_run(config(restart=policy), state) is expected


def test_one_between_two_starts_counts_as_running():
    state = {
        "status": "restarting",
        "exit_code": 3,
        "finished_at": "2026-11-26T12:00:00Z",
        "started_at": None,
    }
    shown = document(state)
    assert (shown["Running"], shown["Restarting"], shown["Status"]) == (True, True, "restarting")
    now = 1795694405 * 10**9  # 2026-11-26T12:00:05Z
    assert describe(state, now) == "Restarting (3) 5 seconds ago"


# --- updates ---


def test_an_update_changes_what_is_named_and_nothing_else():
    before = RunOptions(memory=64 << 20, restart="always", env=("A=1",))
    assert merge(before, {"memory": 32 << 20}) == before.replace(memory=32 << 20)


@pytest.mark.parametrize(
    ("before", "change", "error", "message"),
    [
        ({"cpus": 1.0}, {"cpu_period": 5000}, ConflictError, "CPU Period cannot be updated as NanoCPUs"),
        ({"cpu_quota": 5000}, {"cpus": 1.0}, ConflictError, "Nano CPUs cannot be updated as CPU Quota"),
        ({"auto_remove": True}, {"restart": "always"}, ConflictError, "AutoRemove is enabled"),
        (
            {"memory": 10 << 20, "memory_swap": 20 << 20},
            {"memory": 30 << 20},
            InvalidArgumentError,
            "already set memoryswap limit",
        ),
        ({}, {"restart": "never"}, InvalidArgumentError, "unknown policy 'never'"),
        ({}, {"memmory": 1}, InvalidArgumentError, "update has no option `memmory`"),
    ],
)
def test_an_update_that_contradicts_is_refused(before, change, error, message):
    with pytest.raises(error, match=message):
        merge(RunOptions(**before), change)
