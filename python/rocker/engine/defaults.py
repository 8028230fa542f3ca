"""What a container gets when nothing is said (`docs/decisions/2026-11-23-container-defaults.md`)."""

from __future__ import annotations

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

MASKED_PATHS = (
    "/proc/acpi", "/proc/asound", "/proc/interrupts", "/proc/kcore", "/proc/keys", "/proc/latency_stats",
    "/proc/sched_debug", "/proc/scsi", "/proc/timer_list", "/proc/timer_stats", "/sys/firmware",
    "/sys/fs/selinux", "/sys/devices/virtual/powercap",
)  # fmt: skip
READONLY_PATHS = ("/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger")

HOSTS = (
    "127.0.0.1\tlocalhost\n"
    "::1\tlocalhost ip6-localhost ip6-loopback\n"
    "fe00::0\tip6-localnet\n"
    "ff00::0\tip6-mcastprefix\n"
    "ff02::1\tip6-allnodes\n"
    "ff02::2\tip6-allrouters\n"
)
LOG_OPTIONS = {
    "json-file": {"max_size": 10 << 20, "max_files": 3, "compress": False},
    "local": {"max_size": 20 << 20, "max_files": 5, "compress": True},
    "none": {"max_size": 0, "max_files": 1, "compress": False},
}
_masked: tuple[str, ...] | None = None


def masked_paths() -> tuple[str, ...]:
    """Return the masked paths, with each processor's thermal_throttle, whose counters tell of other programs."""
    global _masked  # noqa: PLW0603
    if _masked is None:
        import os

        pattern = "/sys/devices/system/cpu/cpu{}/thermal_throttle"
        throttles = (pattern.format(number) for number in range(os.cpu_count() or 1))
        _masked = MASKED_PATHS + tuple(path for path in throttles if os.path.isdir(path))
    return _masked
