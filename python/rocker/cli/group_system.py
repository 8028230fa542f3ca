"""`rocker system …`."""

from rocker.cli.command import LazyGroup
from rocker.cli.table import SYSTEM

COMMAND = LazyGroup("system", "Manage rocker", SYSTEM)
