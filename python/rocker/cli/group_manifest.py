"""`rocker manifest …`."""

from rocker.cli.command import LazyGroup
from rocker.cli.table import MANIFEST

COMMAND = LazyGroup("manifest", "Manage manifests and manifest lists of registries", MANIFEST)
