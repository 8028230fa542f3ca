import os
import subprocess
import sys

import pytest

import rocker
from rocker.models.struct import Struct


def test_every_public_name_exists():
    for name in rocker.__all__:
        if name != "__version__":
            assert getattr(rocker, name) is not None
    assert set(rocker.__all__) <= set(dir(rocker))


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="has no attribute 'nosuch'"):
        _ = rocker.nosuch


def test_the_import_brings_nothing_heavy():
    code = (
        "import sys, rocker, rocker.engine.engine, rocker.engine.options, rocker.engine.run, rocker.engine.container;"
        "heavy = {'re', 'typing', 'dataclasses', 'msgspec', 'json', 'click', 'logging', 'pathlib', 'asyncio', 'socket',"
        " 'subprocess', 'inspect', 'datetime'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    path = os.path.dirname(os.path.dirname(rocker.__file__))
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", f"import sys; sys.path.insert(0, {path!r}); {code}"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout == "[]\n"


class Point(Struct):
    x: int
    y: int = 7


def test_records_are_frozen_compared_and_shown_by_value():
    assert Point(1) == Point(1, 7) == Point(x=1)
    assert Point(1) != Point(2)
    assert repr(Point(1)) == "Point(x=1)"
    assert Point(1).replace(y=2).y == 2
    with pytest.raises(AttributeError, match="is frozen"):
        Point(1).x = 2
    with pytest.raises(AttributeError):
        Point(1).z = 2


def test_records_refuse_wrong_fields():
    with pytest.raises(TypeError, match="needs the field `x`"):
        Point()
    with pytest.raises(TypeError, match="has no field `z`"):
        Point(1, z=2)
    with pytest.raises(TypeError, match="given twice"):
        Point(1, x=2)
    with pytest.raises(TypeError, match="takes 2 fields, 3 were given"):
        Point(1, 2, 3)
