"""What a CDI specification says, checked: `reader` makes these."""

from __future__ import annotations

from rocker.models.struct import Struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class Node(Struct):
    """A device node to make.

    Attributes:
        path: in the container.
        host_path: on the host; `path` when empty.
        kind: `b`, `c`, `u`, `p`; that of the host's node when empty.
        major, minor: those of the host's node when `major` is 0.
        mode: permission bits; 0o666 when None.
        permissions: of the cgroup: any of `r`, `w`, `m`; all when empty; `none`.
        uid, gid: owner; the container's user when None.
    """

    path: str
    host_path: str = ""
    kind: str = ""
    major: int = 0
    minor: int = 0
    mode: int | None = None
    permissions: str = ""
    uid: int | None = None
    gid: int | None = None


class Mount(Struct):
    """Something of the host to show.

    Attributes:
        source: on the host.
        target: in the container.
        options: as in mount(8).
        kind: file system type; a bind when empty.
    """

    source: str
    target: str
    options: Sequence[str] = ()
    kind: str = ""


class Hook(Struct):
    """A program of the host that the runtime runs on the way to the container's start.

    Attributes:
        name: when: `createContainer` and its like (OCI runtime specification, "POSIX-platform Hooks").
        path: absolute, on the host.
        args: with its own name first; none: its path.
        env: its whole environment.
        timeout: seconds after which it has failed, or None.
    """

    name: str
    path: str
    args: Sequence[str] = ()
    env: Sequence[str] = ()
    timeout: int | None = None


class Edits(Struct):
    """What is changed in an OCI specification.

    Attributes:
        refused: names of members that rocker does not offer: said by whoever wants the device.
    """

    env: Sequence[str] = ()
    nodes: Sequence[Node] = ()
    mounts: Sequence[Mount] = ()
    hooks: Sequence[Hook] = ()
    gids: Sequence[int] = ()
    refused: Sequence[str] = ()


class CdiSpec(Struct):
    """One file.

    Attributes:
        path: of the file.
        kind: `vendor.com/class`.
        edits: made once for all of its devices that are wanted.
        devices: by name.
    """

    path: str
    kind: str
    edits: Edits
    devices: Mapping[str, Edits]
