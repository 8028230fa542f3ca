"""`inspect` and `ps` on real containers: Docker's fields with Docker's types; ids, names and prefixes."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from subprocess import CompletedProcess


# Of `docker inspect` (20.10.24) of a container that runs: the paths of its fields by the type of their values.
# KernelMemory, which Docker has removed since, is left out.
DOCKER = {
    "str": """
AppArmorProfile Config.Domainname Config.Hostname Config.Image Config.User Config.WorkingDir Created
Driver GraphDriver.Name HostConfig.Cgroup HostConfig.CgroupParent HostConfig.CgroupnsMode
HostConfig.ContainerIDFile HostConfig.CpusetCpus HostConfig.CpusetMems HostConfig.IpcMode
HostConfig.Isolation HostConfig.LogConfig.Type HostConfig.NetworkMode HostConfig.PidMode
HostConfig.RestartPolicy.Name HostConfig.Runtime HostConfig.UTSMode HostConfig.UsernsMode
HostConfig.VolumeDriver HostnamePath HostsPath Id Image LogPath MountLabel Name
NetworkSettings.Bridge NetworkSettings.EndpointID NetworkSettings.Gateway
NetworkSettings.GlobalIPv6Address NetworkSettings.IPAddress NetworkSettings.IPv6Gateway
NetworkSettings.LinkLocalIPv6Address NetworkSettings.MacAddress NetworkSettings.SandboxID
NetworkSettings.SandboxKey Path Platform ProcessLabel ResolvConfPath State.Error State.FinishedAt
State.StartedAt State.Status
""",
    "list": """
Args Config.Cmd Config.Env HostConfig.BlkioDeviceReadBps HostConfig.BlkioDeviceReadIOps
HostConfig.BlkioDeviceWriteBps HostConfig.BlkioDeviceWriteIOps HostConfig.BlkioWeightDevice
HostConfig.ConsoleSize HostConfig.Devices HostConfig.Dns HostConfig.DnsOptions HostConfig.DnsSearch
HostConfig.MaskedPaths HostConfig.ReadonlyPaths HostConfig.Ulimits Mounts
""",
    "dict": """
Config Config.Labels GraphDriver GraphDriver.Data HostConfig HostConfig.LogConfig
HostConfig.LogConfig.Config HostConfig.PortBindings HostConfig.RestartPolicy NetworkSettings
NetworkSettings.Networks NetworkSettings.Ports State
""",
    "bool": """
Config.AttachStderr Config.AttachStdin Config.AttachStdout Config.OpenStdin Config.StdinOnce
Config.Tty HostConfig.AutoRemove HostConfig.OomKillDisable HostConfig.Privileged
HostConfig.PublishAllPorts HostConfig.ReadonlyRootfs NetworkSettings.HairpinMode State.Dead
State.OOMKilled State.Paused State.Restarting State.Running
""",
    "null": """
Config.Entrypoint Config.OnBuild Config.Volumes ExecIDs HostConfig.Binds HostConfig.CapAdd
HostConfig.CapDrop HostConfig.DeviceCgroupRules HostConfig.DeviceRequests HostConfig.ExtraHosts
HostConfig.GroupAdd HostConfig.Links HostConfig.MemorySwappiness HostConfig.PidsLimit
HostConfig.SecurityOpt HostConfig.VolumesFrom NetworkSettings.SecondaryIPAddresses
NetworkSettings.SecondaryIPv6Addresses
""",
    "int": """
HostConfig.BlkioWeight HostConfig.CpuCount HostConfig.CpuPercent HostConfig.CpuPeriod
HostConfig.CpuQuota HostConfig.CpuRealtimePeriod HostConfig.CpuRealtimeRuntime HostConfig.CpuShares
HostConfig.IOMaximumBandwidth HostConfig.IOMaximumIOps HostConfig.KernelMemoryTCP HostConfig.Memory
HostConfig.MemoryReservation HostConfig.MemorySwap HostConfig.NanoCpus HostConfig.OomScoreAdj
HostConfig.RestartPolicy.MaximumRetryCount HostConfig.ShmSize NetworkSettings.GlobalIPv6PrefixLen
NetworkSettings.IPPrefixLen NetworkSettings.LinkLocalIPv6PrefixLen RestartCount State.ExitCode
State.Pid
""",
}
# Where the type is another, and why.
DIFFERENT = {
    "HostConfig.PidsLimit": "containers have a limit unless told otherwise",
    "HostConfig.Ulimits": "null where Docker's client sends an empty list",
}
OWN = {"HostConfig.Annotations", "HostConfig.Timeout", "State.TimedOut"}
# Objects whose keys are the user's, not fields.
MAPS = ("Labels", "Networks", "Ports", "Sysctls", "Annotations", "Data", "ExposedPorts", "Volumes")

# Of `docker ps --format json`.
ROW = (
    "Command", "CreatedAt", "HealthStatus", "ID", "Image", "Labels", "LocalVolumes", "Mounts", "Names", "Networks",
    "Ports", "RunningFor", "Size", "State", "Status",
)  # fmt: skip


def shape(document: dict[str, Any], path: str = "") -> dict[str, str]:
    found = {}
    for name, value in document.items():
        found[path + name] = "null" if value is None else type(value).__name__
        if isinstance(value, dict) and name not in MAPS:
            found |= shape(value, f"{path}{name}.")
    return found


def test_inspect_has_dockers_fields_with_dockers_types(box: Callable[..., CompletedProcess[str]]) -> None:
    box("run", "-d", "--name", "box", "-e", "A=1", "-l", "x=y", "-it", "busybox", "sh", check=True)
    (document,) = json.loads(box("inspect", "box", check=True).stdout)
    ours = shape(document)
    theirs = {path: kind for kind, paths in DOCKER.items() for path in paths.split()}
    assert set(theirs) - set(ours) == set()
    assert set(ours) - set(theirs) == OWN
    assert {path for path, kind in theirs.items() if ours[path] != kind} == set(DIFFERENT)


def test_inspect_says_what_was_asked_for(box: Callable[..., CompletedProcess[str]]) -> None:
    flags = ["-e", "A=1", "-l", "x=y", "-w", "/tmp", "-u", "guest", "-m", "48m", "--cpus", "0.5", "--init"]
    identifier = box(
        "run", "-d", "--name", "box", *flags, "busybox", "sleep", "600", check=True
    ).stdout.strip()
    (document,) = json.loads(box("inspect", "box", check=True).stdout)
    assert document["Id"] == identifier
    assert document["Name"] == "/box"
    assert (document["Path"], document["Args"]) == ("sleep", ["600"])
    config, host, state = document["Config"], document["HostConfig"], document["State"]
    assert "A=1" in config["Env"]
    assert config["Labels"] == {"x": "y"}
    assert (config["WorkingDir"], config["User"], config["Cmd"]) == ("/tmp", "guest", ["sleep", "600"])
    assert (host["Memory"], host["NanoCpus"], host["Init"]) == (48 << 20, 500_000_000, True)
    assert (state["Status"], state["Running"], state["ExitCode"]) == ("running", True, 0)
    with open(f"/proc/{state['Pid']}/cgroup") as file:
        assert identifier in file.read()
    for moment in (document["Created"], state["StartedAt"]):
        assert re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{1,9}Z", moment)
    assert state["FinishedAt"] == "0001-01-01T00:00:00Z"


def test_ps_shows_rows_of_dockers_fields(box: Callable[..., CompletedProcess[str]]) -> None:
    box("run", "-d", "--name", "box", "-l", "x=y", "busybox", "sleep", "600", check=True)
    for form in ("json", "{{json .}}"):
        (line,) = box("ps", "--format", form, check=True).stdout.splitlines()
        row = json.loads(line)
        assert tuple(row) == ROW
        assert all(isinstance(value, str) for value in row.values())
    assert row["Command"] == '"sleep 600"'
    assert (row["Names"], row["State"], row["Labels"]) == ("box", "running", "x=y")
    table = box("ps", check=True).stdout.splitlines()
    assert re.split("  +", table[0].rstrip()) == [
        "CONTAINER ID", "IMAGE", "COMMAND", "CREATED", "STATUS", "PORTS", "NAMES"
    ]  # fmt: skip
    form = 'table {{.Names}}\\t{{.Label "x"}}\\t{{upper .State}}'
    assert [line.split() for line in box("ps", "--format", form, check=True).stdout.splitlines()] == [
        ["NAMES", "x", "STATE"], ["box", "y", "RUNNING"]
    ]  # fmt: skip


def test_a_container_answers_to_its_id_its_name_and_every_prefix_that_is_its_own(
    box: Callable[..., CompletedProcess[str]],
) -> None:
    first = box("create", "--name", "box", "busybox", check=True).stdout.strip()
    while True:  # until two share a first digit: 17 at most
        second = box("create", "busybox", check=True).stdout.strip()
        if second[0] == first[0]:
            break
    for name in ("box", "/box", first, first[:12], first[:40]):
        assert box("inspect", "-f", "{{.Id}}", name).stdout == f"{first}\n", name
    done = box("inspect", "-f", "{{.Id}}", first[0], "--type", "container")
    assert done.returncode == 1
    assert box("start", first[0]).returncode == 1
    # A name goes before a prefix of an id.
    box("rename", "box", second[:6], check=True)
    assert box("inspect", "-f", "{{.Id}}", second[:6]).stdout == f"{first}\n"
