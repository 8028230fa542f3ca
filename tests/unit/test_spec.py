import json
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rocker.engine import devices, mounts, spec, sysctls, times
from rocker.engine.keywords import options_of
from rocker.engine.namespaces import Donor
from rocker.engine.options import Bind, Device, ImageMount, RunOptions, Tmpfs, Ulimit, VolumeMount
from rocker.engine.process import merge, merge_env
from rocker.errors import ConflictError, InvalidArgumentError, NotFoundError
from rocker.parse.duration import parse_time
from rocker.parse.mount import parse_mount
from rocker.parse.signal import number_of

ID = "ab" * 32


def generate(donor=None, shared_shm=None, warn=lambda _text: None, **options):
    config = merge(RunOptions(rootfs="/", command=("true",), **options), None)
    find = donor or (lambda name: pytest.fail(f"asked for {name}"))
    return spec.generate(config, spec.Context(ID, "host", find, warn, shared_shm))


def mount_at(document, target):
    return next(mount for mount in document["mounts"] if mount["destination"] == target)


# --- defaults ---


def test_the_document_is_json_and_has_all_namespaces_of_its_own():
    document = json.loads(json.dumps(generate()))
    kinds = {"mount", "cgroup", "network", "pid", "ipc", "uts"}
    assert {namespace["type"] for namespace in document["linux"]["namespaces"]} == kinds
    assert not any("path" in namespace for namespace in document["linux"]["namespaces"])
    assert document["hostname"] == "host"
    assert document["linux"]["cgroupsPath"] == f"/rocker/{ID}"


def test_pids_are_limited_to_2048_unless_said_otherwise():
    assert generate()["linux"]["resources"]["pids"] == {"limit": 2048}
    assert generate(pids_limit=7)["linux"]["resources"]["pids"] == {"limit": 7}
    assert generate(pids_limit=0)["linux"]["resources"]["pids"] == {"limit": -1}


def test_devices_are_denied_before_the_default_ones_are_allowed():
    rules = generate()["linux"]["resources"]["devices"]
    assert rules[0] == {"allow": False, "access": "rwm"}
    assert {(rule["major"], rule.get("minor")) for rule in rules[1:]} == {
        (1, 3), (1, 5), (1, 7), (1, 8), (1, 9), (5, 0), (5, 1), (5, 2), (136, None),
    }  # fmt: skip


def test_kernel_files_are_masked_or_read_only():
    linux = generate()["linux"]
    assert {"/proc/kcore", "/proc/keys", "/sys/firmware", "/sys/devices/virtual/powercap"} <= set(
        linux["maskedPaths"]
    )
    assert linux["readonlyPaths"] == [
        "/proc/bus",
        "/proc/fs",
        "/proc/irq",
        "/proc/sys",
        "/proc/sysrq-trigger",
    ]


def test_low_ports_and_ping_need_no_capability_in_an_own_network():
    assert generate()["linux"]["sysctl"] == {
        "net.ipv4.ip_unprivileged_port_start": "0",
        "net.ipv4.ping_group_range": "0 2147483647",
    }
    assert "sysctl" not in generate(network="host")["linux"]


def test_privileged_has_all_devices_no_masks_and_a_writable_sysfs():
    document = generate(privileged=True)
    assert document["linux"]["resources"]["devices"] == [{"allow": True, "access": "rwm"}]
    assert "maskedPaths" not in document["linux"]
    assert any(node["path"] == "/dev/null" for node in document["linux"]["devices"])
    assert "rw" in mount_at(document, "/sys")["options"]
    assert "rw" in mount_at(document, "/sys/fs/cgroup")["options"]


# --- process ---


def test_a_terminal_brings_term_and_its_size():
    process = generate(tty=True, console_size=(24, 80))["process"]
    assert process["terminal"]
    assert "TERM=xterm" in process["env"]
    assert process["consoleSize"] == {"height": 24, "width": 80}


def test_variables_come_in_dockers_order():
    assert generate(env=("A=1", "PATH=/x"))["process"]["env"] == ["PATH=/x", "HOSTNAME=host", "A=1"]


def test_a_bare_name_takes_the_callers_value_or_removes(monkeypatch):
    monkeypatch.setenv("ROCKER_TEST_A", "from the caller")
    monkeypatch.delenv("ROCKER_TEST_B", raising=False)
    merged = merge_env(["ROCKER_TEST_A", "ROCKER_TEST_B"], ["ROCKER_TEST_B=from the image"])
    assert merged == ("ROCKER_TEST_A=from the caller", "ROCKER_TEST_B")
    assert not any("TEST_B" in entry for entry in generate(env=("ROCKER_TEST_B",))["process"]["env"])


def test_an_image_cannot_read_the_callers_variables(monkeypatch):
    monkeypatch.setenv("ROCKER_TEST_SECRET", "canary")
    assert merge_env([], ["ROCKER_TEST_SECRET", "*", "=x", "GOOD=1"]) == ("GOOD=1",)


class FakeImage:
    entrypoint = ["/entry"]
    cmd = ["image-cmd"]
    env = ["A=image", "B=image"]
    working_dir = "srv"
    user = "nobody"
    stop_signal = "SIGINT"
    volumes = ["/data"]
    labels = {"a": "image", "b": "image"}
    exposed_ports = ["80/tcp"]
    healthcheck = {"Test": ["CMD-SHELL", "probe"], "Interval": 1_500_000_000, "Retries": 2}
    shell = ["/bin/ash", "-c"]
    diff_ids = ["sha256:" + "1" * 64]


def test_entrypoint_and_command_combine_as_in_docker():
    image = FakeImage()

    def args(**options):
        return merge(RunOptions(image="x", **options), image).args

    assert args() == ("/entry", "image-cmd")
    assert args(command=("mine",)) == ("/entry", "mine")
    assert args(entrypoint=("/other",)) == ("/other",)
    assert args(entrypoint=("/other",), command=("mine",)) == ("/other", "mine")
    assert args(entrypoint=("",), command=("mine",)) == ("mine",)
    with pytest.raises(InvalidArgumentError, match="No command specified"):
        args(entrypoint=("",))


def test_the_image_gives_defaults_and_the_user_wins():
    config = merge(RunOptions(image="x", env=("A=mine",), labels={"a": "mine"}), FakeImage())
    assert config.env == ("A=mine", "B=image")
    assert config.labels == {"a": "mine", "b": "image"}
    assert (config.workdir, config.user, config.stop_signal) == ("/srv", "nobody", 2)
    config = merge(RunOptions(image="x", workdir="/w", user="0", stop_signal="QUIT"), FakeImage())
    assert (config.workdir, config.user, config.stop_signal) == ("/w", "0", 3)


def test_a_nul_byte_is_refused():
    with pytest.raises(InvalidArgumentError, match="NUL"):
        generate(env=("A=a\0b",))


@pytest.mark.parametrize(
    ("text", "number"),
    [("TERM", 15), ("sigterm", 15), ("9", 9), (1, 1), ("RTMIN", 34), ("RTMIN+3", 37), ("SIGRTMAX-1", 63)],
)
def test_signals_have_names_and_numbers(text, number):
    assert number_of(text) == number


@pytest.mark.parametrize("text", ["", "0", "65", "NOSUCH", "RTMIN+99", "-1", 0])
def test_what_is_no_signal_is_refused(text):
    with pytest.raises(InvalidArgumentError, match="Invalid signal"):
        number_of(text)


# --- namespaces ---


def lend(ipc="shareable"):
    return lambda _name: Donor("cd" * 32, 99, ipc, "lender")


def test_host_namespaces_are_left_out():
    document = generate(network="host", pid="host", uts="host", ipc="host")
    assert {namespace["type"] for namespace in document["linux"]["namespaces"]} == {"mount", "cgroup"}
    assert "hostname" not in document
    assert mount_at(document, "/dev/shm")["source"] == "/dev/shm"


def test_another_containers_namespaces_are_joined_by_path():
    shm = {"destination": "/dev/shm", "type": "volume"}
    document = generate(
        donor=lend(), network="container:a", pid="container:a", ipc="container:a", shared_shm=shm
    )
    paths = {namespace["type"]: namespace.get("path") for namespace in document["linux"]["namespaces"]}
    assert paths["network"] == "/proc/99/ns/net"
    assert paths["pid"] == "/proc/99/ns/pid"
    assert paths["ipc"] == "/proc/99/ns/ipc"
    assert [mount for mount in document["mounts"] if mount["destination"] == "/dev/shm"] == [shm]


def test_a_private_ipc_namespace_is_not_lent():
    with pytest.raises(ConflictError, match="non-shareable IPC"):
        generate(donor=lend("private"), ipc="container:a")


def test_ipc_none_has_no_shared_memory():
    document = generate(ipc="none")
    assert "/dev/shm" not in [mount["destination"] for mount in document["mounts"]]


# --- sysctls: T21 ---


@pytest.mark.parametrize(
    "name",
    [
        "kernel.core_pattern", "kernel.shm_rmid_forced=1+kernel.core_pattern", "net/../kernel/core_pattern",
        "net..ipv4", "net.ipv4/../../kernel.core_pattern", "kernel.hostname", "vm.overcommit_memory", "", "net",
        ".net.x",
        "kernel.shmmax+kernel.core_pattern", "fs.mqueue./x",
    ],
)  # fmt: skip
def test_sysctls_of_the_host_and_tricks_are_refused(name):
    with pytest.raises(InvalidArgumentError, match="is not allowed"):
        generate(sysctls={name: "1"})


def test_own_sysctls_are_taken_and_override_the_defaults():
    document = generate(
        sysctls={"net.ipv4.ip_unprivileged_port_start": "80", "kernel.shmmax": "1", "fs.mqueue.msg_max": "2"}
    )
    assert document["linux"]["sysctl"]["net.ipv4.ip_unprivileged_port_start"] == "80"
    assert document["linux"]["sysctl"]["kernel.shmmax"] == "1"


def test_sysctls_of_a_namespace_that_is_not_its_own_are_refused():
    with pytest.raises(InvalidArgumentError, match="network namespace that is not the container's own"):
        generate(network="host", sysctls={"net.core.somaxconn": "1"})
    with pytest.raises(InvalidArgumentError, match="IPC namespace that is not the container's own"):
        generate(ipc="host", sysctls={"kernel.shmmax": "1"})


@given(st.text(max_size=40), st.text(max_size=10))
def test_no_sysctl_name_leaves_the_allowed_trees(name, value):
    try:
        sysctls.check(name, value, own_network=True, own_ipc=True)
    except InvalidArgumentError:
        return
    assert name.startswith(("net.", "kernel.shm", "kernel.msg", "kernel.sem", "fs.mqueue."))
    assert not {"/", "+", "=", "\0", " "} & set(name)


# --- resources ---


def test_memory_brings_as_much_swap():
    memory = generate(memory=64 << 20)["linux"]["resources"]["memory"]
    assert memory["limit"] == 64 << 20
    assert memory.get("swap", 128 << 20) == 128 << 20


def test_cpus_become_a_quota():
    assert generate(cpus=0.5)["linux"]["resources"]["cpu"] == {"quota": 50_000, "period": 100_000}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"memory": 1}, "Minimum memory limit allowed is 6MB"),
        ({"memory_swap": 1 << 30}, "You should always set the Memory limit"),
        ({"memory": 64 << 20, "memory_swap": 32 << 20}, "Minimum memoryswap limit should be larger"),
        ({"memory": 64 << 20, "memory_reservation": 128 << 20}, "can not be less than memory reservation"),
        ({"cpus": 0.5, "cpu_quota": 5000}, "Nano CPUs and CPU Quota cannot both be set"),
        ({"cpus": 10_000}, "Range of CPUs is from 0.01 to"),
        ({"cpu_period": 10}, "CPU cfs period can not be less than 1ms"),
        ({"cpuset_cpus": "3-1"}, "Invalid value 3-1 for cpuset cpus"),
        ({"cpuset_cpus": "a"}, "Invalid value a for cpuset cpus"),
    ],
)
def test_contradicting_limits_are_refused(options, message):
    with pytest.raises(InvalidArgumentError, match=message):
        generate(**options)


# --- ulimits ---


def test_an_unlimited_ulimit_is_all_ones():
    limits = generate(ulimits=(Ulimit("core", -1, -1),))["process"]["rlimits"]
    assert limits == [{"type": "RLIMIT_CORE", "soft": 2**64 - 1, "hard": 2**64 - 1}]


@pytest.mark.parametrize(
    ("limit", "message"),
    [
        (Ulimit("nofle", 1, 1), "invalid ulimit type: nofle"),
        (Ulimit("nofile", 20, 10), "soft limit must be less than or equal"),
        (Ulimit("nofile", -1, 10), "soft limit must be"),
    ],
)
def test_wrong_ulimits_are_refused(limit, message):
    with pytest.raises(InvalidArgumentError, match=message):
        generate(ulimits=(limit,))


# --- devices ---


def test_a_device_is_looked_up_on_the_host():
    document = generate(devices=(Device("/dev/null", "/dev/nil", "r"),))
    node = document["linux"]["devices"][0]
    assert (node["path"], node["type"], node["major"], node["minor"]) == ("/dev/nil", "c", 1, 3)
    assert document["linux"]["resources"]["devices"][-1] == {
        "allow": True,
        "type": "c",
        "access": "rm",
        "major": 1,
        "minor": 3,
    }


def test_what_is_no_device_is_refused(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(InvalidArgumentError, match="not a device node"):
        generate(devices=(Device(str(tmp_path / "file"), "/dev/x"),))
    with pytest.raises(NotFoundError, match="No such file"):
        generate(devices=(Device(str(tmp_path / "missing"), "/dev/x"),))


def test_a_directory_gives_all_its_devices():
    nodes, _ = devices.resolve([Device("/dev", "/d")])
    assert "/d/null" in [node["path"] for node in nodes]


def test_device_rules_are_read():
    assert devices.parse_rule("c 1:* rm") == {"allow": True, "type": "c", "access": "rm", "major": 1}
    for wrong in ("c 1 r", "x 1:1 r", "c 1:1 z", "c a:1 r", ""):
        with pytest.raises(InvalidArgumentError, match="invalid device cgroup format"):
            devices.parse_rule(wrong)


# --- mounts ---


def test_a_bind_is_read_only_in_its_submounts_too(tmp_path):
    document = generate(mounts=(Bind(str(tmp_path), "/a/b", read_only=True),))
    assert mount_at(document, "/a/b") == {
        "destination": "/a/b", "type": "bind", "source": str(tmp_path), "options": ["rbind", "rprivate", "rro"],
    }  # fmt: skip


def test_parents_are_mounted_before_children(tmp_path):
    document = generate(mounts=(Bind(str(tmp_path), "/a/b/c"), Tmpfs("/a"), Tmpfs("/a/b")))
    assert [mount["destination"] for mount in document["mounts"]][-3:] == ["/a", "/a/b", "/a/b/c"]


def test_a_users_mount_replaces_a_default_one():
    document = generate(mounts=(Tmpfs("/dev/shm", size=4096),))
    assert "size=4096" in mount_at(document, "/dev/shm")["options"]
    assert len([mount for mount in document["mounts"] if mount["destination"] == "/dev/shm"]) == 1


@pytest.mark.parametrize(
    "target", ["/proc", "/proc/sys", "/proc/self/attr", "/sys", "/sys/kernel", "/x/../proc"]
)
def test_nothing_is_mounted_over_proc_and_sys(target, tmp_path):
    with pytest.raises(InvalidArgumentError, match="cannot be mounted over"):
        generate(mounts=(Bind(str(tmp_path), target),))
    with pytest.raises(InvalidArgumentError, match="cannot be mounted over"):
        generate(mounts=(Tmpfs(target),))


def test_lxcfs_and_the_hosts_sysfs_are_let_through(tmp_path):
    (tmp_path / "meminfo").touch()
    generate(mounts=(Bind(str(tmp_path / "meminfo"), "/proc/meminfo"),))
    generate(mounts=(Bind("/sys/fs/cgroup", "/sys/fs/cgroup", read_only=True),))


def test_a_missing_source_is_made_for_v_and_refused_for_mount(tmp_path):
    with pytest.raises(NotFoundError, match="bind source path does not exist"):
        generate(mounts=(Bind(str(tmp_path / "no"), "/x"),))
    generate(mounts=(Bind(str(tmp_path / "made"), "/x", create_source=True),))
    assert (tmp_path / "made").is_dir()


def test_two_mounts_on_one_target_are_refused():
    with pytest.raises(InvalidArgumentError, match="Duplicate mount point: /a"):
        generate(mounts=(Tmpfs("/a"), Tmpfs("/a/")))


@pytest.mark.parametrize(
    ("text", "mount"),
    [
        ("type=bind,src=/a,dst=/b,readonly", Bind("/a", "/b", read_only=True)),
        (
            "type=bind,src=/a,dst=/b,bind-propagation=rslave,bind-recursive=disabled",
            Bind("/a", "/b", recursive=False, propagation="rslave"),
        ),
        ("type=tmpfs,dst=/t,tmpfs-size=1m,tmpfs-mode=1700", Tmpfs("/t", 1 << 20, 0o1700)),
        ("type=tmpfs,dst=/t,readonly", Tmpfs("/t", options=("ro",))),
    ],
)
def test_a_mount_flag_means_a_bind_or_a_tmpfs(text, mount):
    assert mounts.of_flag(parse_mount(text)) == mount


@pytest.mark.parametrize(
    ("text", "mount"),
    [
        ("dst=/b", VolumeMount("/b")),
        (
            "src=name,dst=/b,ro,volume-nocopy,volume-subpath=a/b,volume-opt=o=x,volume-label=l",
            VolumeMount("/b", "name", True, True, "a/b", "", {"o": "x"}, {"l": ""}),
        ),
        ("type=image,src=busybox,dst=/b,image-subpath=etc", ImageMount("busybox", "/b", "etc")),
        (
            "type=bind,src=/a,dst=/b,readonly,bind-recursive=writable",
            Bind("/a", "/b", read_only=True, read_only_recursive=False),
        ),
    ],
)
def test_a_mount_flag_means_a_volume_or_an_image(text, mount):
    assert mounts.of_flag(parse_mount(text)) == mount


def test_a_read_only_bind_leaves_submounts_writable_when_that_is_asked_for(tmp_path):
    bind = Bind(str(tmp_path), "/b", read_only=True, read_only_recursive=False)
    assert mount_at(generate(mounts=(bind,)), "/b")["options"] == ["rbind", "rprivate", "ro"]


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("exec,exec", ["nosuid", "nodev", "exec"]), ("exec,noexec", ["nosuid", "nodev", "noexec"]),
        ("noexec,exec", ["nosuid", "nodev", "exec"]), ("nodev", ["noexec", "nosuid", "nodev"]),
        ("dev,suid,dev", ["noexec", "suid", "dev"]), ("ro,rw,ro", ["noexec", "nosuid", "nodev", "ro"]),
    ],
)  # fmt: skip
def test_of_tmpfs_options_that_exclude_each_other_the_last_counts(given, kept):
    mount = mounts.resolve([Tmpfs("/t", options=tuple(given.split(",")))], privileged=False)[0]
    assert mount["options"] == kept


def test_tmpfs_options_are_those_of_the_kernel():
    mount = mount_at(generate(mounts=(Tmpfs("/run", 64 << 20, 0o755, ("exec", "uid=7")),)), "/run")
    assert mount["options"] == ["nosuid", "nodev", "exec", "uid=7", f"size={64 << 20}", "mode=755"]
    for wrong in ("bad", "size", "exec=1"):
        with pytest.raises(InvalidArgumentError, match=f'invalid tmpfs option \\["{wrong}"\\]'):
            generate(mounts=(Tmpfs("/run", options=(wrong,)),))


# --- keywords of the API ---


def test_keywords_are_read_as_the_flags_are():
    options = options_of(
        "i",
        "true",
        {"memory": "1.5g", "ulimits": ["nofile=10:20"], "devices": ["/dev/a:r"], "mounts": ["/a:/b:ro"]},
    )
    assert (options.memory, options.ulimits) == (3 << 29, (Ulimit("nofile", 10, 20),))
    assert options.devices == (Device("/dev/a", "/dev/a", "r"),)
    assert options.mounts == (Bind("/a", "/b", read_only=True, create_source=True),)


def test_a_keyword_that_cannot_be_read_is_named():
    with pytest.raises(InvalidArgumentError, match="memory: invalid suffix: 'x'"):
        options_of("i", "true", {"memory": "1x"})


# --- times ---


@given(st.integers(0, 2**62))
def test_times_are_read_back_to_the_nanosecond(ns):
    assert times.parse_rfc3339_ns(times.format_rfc3339(ns)) == ns
    assert parse_time(times.format_rfc3339(ns), 0) == ns


def test_the_caller_is_not_asked_for_anything_on_the_host():
    assert os.getcwd()  # the specification of a plain container needs no file of the caller's directory
    assert generate()["root"] == {"path": "/", "readonly": False}
