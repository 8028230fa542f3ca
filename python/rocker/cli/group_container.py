"""`rocker container …`."""

from rocker.cli.command import LazyGroup
from rocker.cli.table import CONTAINER

COMMAND = LazyGroup("container", "Manage containers", CONTAINER)
