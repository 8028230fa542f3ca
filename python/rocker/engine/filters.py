"""What the filters of every list, prune and stream of events have in common."""

from __future__ import annotations

from rocker.errors import InvalidArgumentError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    Filters = Mapping[str, Sequence[str] | str]
    Conditions = Mapping[str, tuple[str, ...]]


def texts(filters: Filters | None) -> dict[str, tuple[str, ...]]:
    """Return the values of each filter; one value alone may have been given as it is."""
    return {
        name: (given,) if isinstance(given, str) else tuple(given) for name, given in (filters or {}).items()
    }


def given(filters: Filters | None, known: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Return filters as tuples of texts.

    Raises:
        InvalidArgumentError: one is unknown.
    """
    found = texts(filters)
    for name in found:
        if name not in known:
            from rocker.engine.suggest import near

            raise InvalidArgumentError(
                f"invalid filter '{name}'", hint=near(name, known) or "filters are " + ", ".join(known)
            )
    return found


def label_fits(labels: Mapping[str, str], wanted: str) -> bool:
    """Tell whether there is a label `NAME`, or one of this value for `NAME=VALUE`."""
    name, equals, value = wanted.partition("=")
    return name in labels and (not equals or labels[name] == value)


def labels_fit(labels: Mapping[str, str], conditions: Conditions) -> bool:
    """Tell whether the labels are as `label` (all of them) and `label!` (none of them) want them."""
    return all(label_fits(labels, wanted) for wanted in conditions.get("label", ())) and not any(
        label_fits(labels, unwanted) for unwanted in conditions.get("label!", ())
    )
