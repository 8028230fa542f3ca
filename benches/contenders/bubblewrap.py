"""bubblewrap: namespaces and nothing else, the nearest to a floor among programs one can install."""

from benches.contenders.base import Contender


class Bubblewrap(Contender):
    """All namespaces, a plain directory, no cgroup, no filter."""

    name = "bwrap"
    isolates = False

    def run_argv(self, *command: str) -> list[str]:
        directory = str(self.image.directory)
        flags = [
            "--unshare-all",
            "--die-with-parent",
            "--bind",
            directory,
            "/",
            "--proc",
            "/proc",
            "--dev",
            "/dev",
        ]
        return ["bwrap", *flags, "--setenv", "PATH", "/bin", *command]
