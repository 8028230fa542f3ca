# ruff: noqa: E501 -- one case a line; properties say "right or refused"
from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rocker.formatting.units import ago, binary_size, ellipsis, human_duration, human_size, short_id

HOUR, DAY = 3600, 86400


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.4, "Less than a second"), (1, "1 second"), (45, "45 seconds"), (60, "About a minute"), (119, "About a minute"),
        (120, "2 minutes"), (59 * 60, "59 minutes"), (HOUR, "About an hour"), (89 * 60, "About an hour"), (90 * 60, "2 hours"),
        (47 * HOUR, "47 hours"), (48 * HOUR, "2 days"), (13 * DAY, "13 days"), (14 * DAY, "2 weeks"), (59 * DAY, "8 weeks"),
        (60 * DAY, "2 months"), (729 * DAY, "24 months"), (730 * DAY, "2 years"),
        (46 * 60, "46 minutes"), (HOUR - 1, "59 minutes"), (91 * 60, "2 hours"), (47 * HOUR + 29 * 60, "47 hours"),
        (47 * HOUR + 31 * 60, "2 days"), (30 * DAY, "4 weeks"), (1095 * DAY - 60, "2 years"), (1095 * DAY, "3 years"),
        (730 * DAY - 60, "1 years"),
    ],
)  # fmt: skip
def test_durations_read_as_dockers(seconds: float, text: str) -> None:
    assert human_duration(seconds) == text


@pytest.mark.parametrize(
    ("size", "text"), [(0, "0B"), (999, "999B"), (1000, "1kB"), (117_000_000, "117MB"), (1_234_567, "1.23MB")]
)
def test_sizes_have_three_digits(size: int, text: str) -> None:
    assert human_size(size, 3) == text


def test_binary_sizes_count_by_1024() -> None:
    assert binary_size(64 << 20) == "64MiB"
    assert binary_size(1536) == "1.5KiB"


def test_a_time_in_the_future_is_now() -> None:
    assert ago(100.0, 50.0) == "Less than a second ago"


def test_an_id_is_shown_by_its_first_twelve_digits() -> None:
    assert short_id("sha256:" + "0123456789abcdef" * 4) == "0123456789ab"


@given(st.text(), st.integers(1, 50))
def test_an_ellipsis_never_makes_text_longer_than_allowed(text: str, width: int) -> None:
    shown = ellipsis(text, width)
    assert len(shown) <= width
    assert shown == text or shown[:-1] == text[: width - 1]


@given(st.integers(0, 10**26))
def test_a_size_is_a_number_below_a_thousand_and_a_unit(size: int) -> None:
    number = human_size(size, 3).rstrip("BkMGTPEZY")
    assert 0 <= float(number) <= 1000
