"""Threads that do a list of jobs; the first failure ends them all."""

from __future__ import annotations

import threading

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import TypeVar

    Job = TypeVar("Job")


class Crew:
    """Some threads.

    Args:
        abort: makes whatever a job waits for fail.

    Attributes:
        stop: set when the jobs are to end.
    """

    def __init__(self, abort: Callable[[], None]) -> None:
        self.stop = threading.Event()
        self._abort = abort
        self._lock = threading.Lock()
        self._failures: list[BaseException] = []

    def run(self, jobs: Sequence[Job], action: Callable[[Job], None], parallel: int) -> None:
        """Do all jobs, `parallel` at once, in their order. No thread is left when this returns, however it does.

        Raises:
            BaseException: the first failure; the other jobs have been broken off.
        """
        waiting = list(reversed(jobs))
        threads = [
            threading.Thread(target=self._work, args=(waiting, action), daemon=True)
            for _ in range(min(parallel, len(jobs)))
        ]
        try:
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        finally:
            if any(thread.is_alive() for thread in threads):  # Ctrl-C
                self._end()
            for thread in threads:
                if thread.ident is not None:
                    thread.join()
        if self._failures:
            raise self._failures[0]

    def _work(self, waiting: list[Job], action: Callable[[Job], None]) -> None:
        while not self.stop.is_set():
            with self._lock:
                if not waiting:
                    return
                job = waiting.pop()
            try:
                action(job)
            except BaseException as error:  # noqa: BLE001 -- raised again by `run`
                with self._lock:
                    self._failures.append(error)
                self._end()

    def _end(self) -> None:
        self.stop.set()
        self._abort()
