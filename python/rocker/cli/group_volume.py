"""`rocker volume …`."""

from rocker.cli.command import LazyGroup
from rocker.cli.table import VOLUME

COMMAND = LazyGroup("volume", "Manage volumes", VOLUME)
