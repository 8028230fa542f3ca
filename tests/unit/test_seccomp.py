"""The default profile, and how a profile is made ready for a container."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rocker.errors import InvalidArgumentError
from rocker.seccomp import default_profile, resolve

NONE: frozenset[str] = frozenset()
ADMIN = frozenset({"CAP_SYS_ADMIN"})


def ready(capabilities: frozenset[str] = NONE, arch: str = "x86_64", **options: Any) -> dict[str, Any]:
    return resolve(default_profile(), capabilities=capabilities, arch=arch, kernel=(6, 18), **options)


def rules(name: str, capabilities: frozenset[str] = NONE, **options: Any) -> list[dict[str, Any]]:
    return [rule for rule in ready(capabilities, **options)["syscalls"] if name in rule["names"]]


def own(**rule: Any) -> dict[str, Any]:
    return {
        "defaultAction": "SCMP_ACT_ERRNO",
        "syscalls": [{"names": ["read"], "action": "SCMP_ACT_ALLOW", **rule}],
    }


def kept(profile: dict[str, Any], kernel: tuple[int, int] = (6, 18)) -> bool:
    return bool(resolve(profile, capabilities=NONE, arch="x86_64", kernel=kernel)["syscalls"])


def test_sockets_are_of_four_families_and_compared_in_32_bits() -> None:
    conditions = [rule["args"] for rule in rules("socket", ADMIN)]
    families = [(1, 0xFFFFFFFF), (2, 0xFFFFFFFF), (10, 0xFFFFFFFF), (16, 0xFFFFFFFF)]
    assert [(only["valueTwo"], only["value"]) for (only,) in conditions] == families
    assert {only["op"] for (only,) in conditions} == {"SCMP_CMP_MASKED_EQ"}
    assert {only["index"] for (only,) in conditions} == {0}


def test_clone3_is_enosys_until_sys_admin_is_given() -> None:
    (refused,) = rules("clone3")
    assert (refused["action"], refused["errnoRet"]) == ("SCMP_ACT_ERRNO", 38)
    (allowed,) = rules("clone3", ADMIN)
    assert allowed["action"] == "SCMP_ACT_ALLOW"


def test_clone_makes_no_namespace_until_sys_admin_is_given() -> None:
    (condition,) = rules("clone")[0]["args"]
    assert condition == {"index": 0, "value": 0x7E020000, "valueTwo": 0, "op": "SCMP_CMP_MASKED_EQ"}
    (allowed,) = rules("clone", ADMIN)
    assert "args" not in allowed


@pytest.mark.parametrize(
    "name",
    [
        "io_uring_setup",
        "io_uring_enter",
        "keyctl",
        "add_key",
        "request_key",
        "userfaultfd",
        "kexec_load",
        "swapon",
    ],
)
def test_what_docker_refuses_is_refused_with_every_capability(name: str) -> None:
    profile = default_profile()
    caps = {cap for rule in profile["syscalls"] for cap in rule.get("includes", {}).get("caps", [])}
    assert rules(name, frozenset(caps)) == []


@pytest.mark.parametrize(
    ("name", "capability"),
    [
        ("mount", "CAP_SYS_ADMIN"),
        ("bpf", "CAP_BPF"),
        ("chroot", "CAP_SYS_CHROOT"),
        ("init_module", "CAP_SYS_MODULE"),
        ("reboot", "CAP_SYS_BOOT"),
        ("settimeofday", "CAP_SYS_TIME"),
        ("open_by_handle_at", "CAP_DAC_READ_SEARCH"),
        ("perf_event_open", "CAP_PERFMON"),
    ],
)
def test_a_capability_opens_its_calls(name: str, capability: str) -> None:
    assert rules(name) == []
    assert [rule["action"] for rule in rules(name, frozenset({capability}))] == ["SCMP_ACT_ALLOW"]


def test_calls_newer_than_the_profile_are_enosys_and_denied_ones_eperm() -> None:
    for name in ("file_setattr", "open_tree_attr", "listns"):
        (rule,) = rules(name)
        assert rule["errnoRet"] == 38
    assert (ready()["defaultAction"], ready()["defaultErrnoRet"]) == ("SCMP_ACT_ERRNO", 1)


def test_i386_can_be_left_out_and_x32_is_never_in() -> None:
    assert ready()["architectures"] == ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"]
    assert ready(i386=False)["architectures"] == ["SCMP_ARCH_X86_64"]
    assert ready(arch="aarch64")["architectures"] == ["SCMP_ARCH_AARCH64"]


def test_names_of_either_kind_mean_the_same_architecture() -> None:
    assert ready(arch="amd64") == ready(arch="x86_64")
    assert ready(arch="arm64") == ready(arch="aarch64")
    assert rules("arch_prctl", arch="aarch64") == []
    assert len(rules("arch_prctl")) == 1


def test_a_minimum_kernel_is_compared_by_number() -> None:
    assert kept(own(includes={"minKernel": "4.8"}), (4, 8))
    assert kept(own(includes={"minKernel": "4.8"}), (4, 10))
    assert not kept(own(includes={"minKernel": "4.8"}), (3, 19))
    assert not kept(own(excludes={"minKernel": "4.8"}), (4, 8))


def test_the_old_single_name_is_understood() -> None:
    profile = {
        "defaultAction": "SCMP_ACT_ERRNO",
        "architectures": ["SCMP_ARCH_X86_64"],
        "syscalls": [{"name": "read", "action": "SCMP_ACT_ALLOW", "args": None}],
    }
    resolved = resolve(profile, capabilities=NONE, arch="x86_64", kernel=(6, 18))
    assert resolved["syscalls"] == [{"names": ["read"], "action": "SCMP_ACT_ALLOW"}]
    assert resolved["architectures"] == ["SCMP_ARCH_X86_64"]


@pytest.mark.parametrize(
    ("profile", "message"),
    [
        ({}, "seccomp: the profile has no `defaultAction`"),
        ({"defaultAction": "X", "sycalls": []}, "seccomp: the profile has an unknown member `sycalls`"),
        (
            own(includes={"cap": []}),
            "seccomp: `includes` of rule 0 of `syscalls` has an unknown member `cap`",
        ),
        (own(name="write"), "seccomp: rule 0 of `syscalls` has both `name` and `names`"),
        (own(action=None), "seccomp: rule 0 of `syscalls` has no `action`"),
        (own(includes={"minKernel": "new"}), "seccomp: `minKernel` of rule 0 of `syscalls` is `new`"),
        ({"defaultAction": "X", "syscalls": ["read"]}, "seccomp: rule 0 of `syscalls` is not an object"),
        (
            {"defaultAction": "X", "architectures": ["A"], "archMap": [{}]},
            "seccomp: the profile has both `architectures` and `archMap`",
        ),
    ],
)
def test_a_profile_that_is_not_understood_is_refused(profile: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        kept(profile)
    assert str(caught.value) == message


def test_an_unknown_architecture_is_refused() -> None:
    with pytest.raises(InvalidArgumentError, match="no seccomp profile for the architecture `vax`"):
        ready(arch="vax")


def test_a_profile_is_not_changed() -> None:
    profile = default_profile()
    resolve(profile, capabilities=ADMIN, arch="x86_64", kernel=(6, 18))
    assert profile == default_profile()


scalars = st.none() | st.booleans() | st.integers() | st.text(max_size=4)
keys = st.sampled_from(
    ["syscalls", "names", "action", "includes", "excludes", "caps", "archMap", "defaultAction"]
)
documents = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=4),
    max_leaves=20,
)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(keys, documents, max_size=6))
def test_no_document_breaks_it_otherwise_than_by_its_own_error(profile: dict[str, Any]) -> None:
    with contextlib.suppress(InvalidArgumentError):
        kept(profile)
