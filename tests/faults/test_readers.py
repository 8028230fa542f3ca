"""A reader that stops reading, or dies, harms no other reader and not the log."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    import rocker


@pytest.mark.parametrize("how", ["stops reading", "dies"])
def test_a_bad_reader_holds_back_neither_another_nor_the_log(
    engine: rocker.Engine, busybox_rootfs: Path, how: str
) -> None:
    # More than what may wait for one reader (8 MiB): the one that does not read is let go.
    script = "read go; yes 0123456789abcde | head -c 32000000; exit 3"
    container = engine.run(
        rootfs=str(busybox_rootfs),
        command=["sh", "-c", script],
        stdin_open=True,
        log_driver="json-file",
        log_opts={"max-size": "-1"},
        detach=True,
    )
    bad = container.attach()
    with container.attach(stdin=True) as session:
        if how == "dies":
            bad.close()
        stdout, _, event = session.communicate(b"go\n")
    bad.close()
    assert event["exit_code"] == 3
    assert stdout == b"0123456789abcde\n" * 2_000_000
    assert container.logs() == stdout
