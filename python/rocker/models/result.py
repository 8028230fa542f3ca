"""What a finished command left behind."""

from __future__ import annotations

from rocker.errors import RockerError
from rocker.models.struct import Struct


class Usage(Struct):
    """What it consumed.

    Attributes:
        cpu_ns: processor time of everything in the container, in nanoseconds.
        memory_peak: most memory in use at once, in bytes; 0 where the kernel does not tell.
        user_us: processor time of the first process and its reaped children outside the kernel, in microseconds.
        system_us: the same inside the kernel.
    """

    cpu_ns: int = 0
    memory_peak: int = 0
    user_us: int = 0
    system_us: int = 0


class Result(Struct):
    """How a command ended and what it wrote. Exceeded budgets show here; they are never raised.

    Attributes:
        exit_code: 128+n after signal n.
        stdout: what it wrote to standard output; with a terminal, everything.
        stderr: what it wrote to standard error.
        oom_killed: whether the kernel ended it for want of memory.
        timed_out: whether it was ended because its time was over.
        truncated: whether it was ended because it wrote more than `max_output`.
        duration: seconds from start to end.
        usage: what it consumed.
        container_id: the container's id.
    """

    exit_code: int
    stdout: bytes
    stderr: bytes
    oom_killed: bool = False
    timed_out: bool = False
    truncated: bool = False
    duration: float = 0.0
    usage: Usage = Usage()
    container_id: str = ""

    @property
    def text(self) -> str:
        """Standard output as text (UTF-8, what is not is replaced)."""
        return self.stdout.decode("utf-8", "replace")

    @property
    def stderr_text(self) -> str:
        """Standard error as text (UTF-8, what is not is replaced)."""
        return self.stderr.decode("utf-8", "replace")

    @property
    def lines(self) -> list[str]:
        """Lines of standard output without their ends."""
        return self.text.splitlines()

    @property
    def ok(self) -> bool:
        """Whether it ended by itself with exit code 0 and within its budgets."""
        return self.exit_code == 0 and not (self.timed_out or self.truncated or self.oom_killed)

    def check(self) -> Result:
        """Return the result itself when all went well.

        Raises:
            CommandFailedError: it did not; the result is its `result`.
        """
        if not self.ok:
            raise CommandFailedError(self)
        return self


class CommandFailedError(RockerError):
    """A command ended badly; raised by `Result.check` only.

    Attributes:
        result: the whole result.
    """

    def __init__(self, result: Result) -> None:
        tail = result.stderr_text.strip().rsplit("\n", 1)[-1]
        super().__init__(_reason(result) + (f": {tail}" if tail else ""))
        self.result = result


def _reason(result: Result) -> str:
    if result.timed_out:
        return f"the command was ended after {result.duration:.1f} s: its time was over"
    if result.truncated:
        return "the command was ended because it wrote more than `max_output`"
    if result.oom_killed:
        return "the command was ended because it used more memory than its limit"
    return f"the command ended with exit code {result.exit_code}"
