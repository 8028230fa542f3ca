"""crun and runc on a plain directory: no image, no overlay, but an engine's namespaces, filter and masks."""

import json
import os
import select
from pathlib import Path
from typing import Any

from benches.contenders.base import Contender, Image
from benches.measure import execute, output

PROFILE = Path("/usr/share/containers/seccomp.json")
"""Docker's profile as podman ships it."""


class OciRuntime(Contender):
    """`crun run` or `runc run` with a bundle for each command, the container's network namespace its own."""

    def __init__(self, state: Path, image: Image, program: str) -> None:
        super().__init__(state, image)
        self.name = self.program = program
        self._count = 0

    def open(self) -> None:
        super().open()
        self._template = json.loads(self._spec())
        self._bundles: dict[tuple[str, ...], Path] = {}
        self._client = [self.program, "--root", str(self.state / "run")]

    def run_argv(self, *command: str) -> list[str]:
        self._count += 1
        return [
            *self._client,
            "run",
            "--bundle",
            str(self._bundle(command)),
            f"bench-{os.getpid()}-{self._count}",
        ]

    def create(self, name: str, *command: str) -> None:
        execute([*self._client, "create", "--bundle", str(self._bundle(command)), name])

    def start(self, name: str) -> None:
        execute([*self._client, "start", name])

    def stop(self, name: str) -> None:
        pid = json.loads(output([*self._client, "state", name]))["pid"]
        descriptor = os.pidfd_open(pid)
        try:
            execute([*self._client, "kill", name, "TERM"])
            select.select([descriptor], [], [])
        finally:
            os.close(descriptor)

    def remove(self, name: str) -> None:
        execute([*self._client, "delete", "--force", name])

    def execute(self, name: str, *command: str) -> None:
        execute([*self._client, "exec", name, *command])

    def _bundle(self, command: tuple[str, ...]) -> Path:
        if command not in self._bundles:
            bundle = self.state / f"bundle{len(self._bundles)}"
            bundle.mkdir()
            spec = self._template | {"process": self._template["process"] | {"args": list(command)}}
            (bundle / "config.json").write_text(json.dumps(spec))
            self._bundles[command] = bundle
        return self._bundles[command]

    def _spec(self) -> str:
        """What the program itself proposes, with Docker's filter and without a terminal."""
        directory = self.state / "spec"
        directory.mkdir()
        output([self.program, "spec", "--bundle", str(directory)])
        spec = json.loads((directory / "config.json").read_text())
        spec["root"] = {"path": str(self.image.directory), "readonly": False}
        spec["process"]["terminal"] = False
        spec["process"]["env"] = ["PATH=/bin"]
        spec["linux"]["seccomp"] = seccomp()
        assert "network" in {namespace["type"] for namespace in spec["linux"]["namespaces"]}
        return json.dumps(spec)


def seccomp() -> dict[str, Any]:
    """Docker's default profile as an OCI object, for this architecture and no added capability."""
    profile = json.loads(PROFILE.read_text())
    rules = []
    for rule in profile["syscalls"]:
        includes, excludes = rule.get("includes") or {}, rule.get("excludes") or {}
        here = "arches" not in includes or {"amd64", "x86_64"} & set(includes["arches"])
        if includes.get("caps") or not here or {"amd64"} & set(excludes.get("arches") or []):
            continue
        kept = {key: rule[key] for key in ("names", "action", "args", "errnoRet") if rule.get(key)}
        rules.append(kept)
    return {
        "defaultAction": profile["defaultAction"],
        "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"],
        "syscalls": rules,
    }
