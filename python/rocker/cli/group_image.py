"""`rocker image …`."""

from rocker.cli.command import LazyGroup
from rocker.cli.table import IMAGE

COMMAND = LazyGroup("image", "Manage images", IMAGE)
