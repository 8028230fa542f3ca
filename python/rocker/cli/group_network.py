"""`rocker network …`."""

from rocker.cli.command import LazyGroup
from rocker.cli.table import NETWORK

COMMAND = LazyGroup("network", "Manage networks", NETWORK)
