"""Every command: its name, its module, its line in the help. Nothing is imported for it."""

from __future__ import annotations

from rocker.cli.command import Entry


def _entry(module: str, summary: str) -> Entry:
    return Entry(f"rocker.cli.{module}", summary)


CONTAINER = {
    "attach": _entry(
        "attach", "Attach local standard input, output, and error streams to a running container"
    ),
    "create": _entry("create", "Create a new container"),
    "exec": _entry("exec", "Execute a command in a running container"),
    "inspect": _entry("container_inspect", "Display detailed information on one or more containers"),
    "kill": _entry("kill", "Kill one or more running containers"),
    "logs": _entry("logs", "Fetch the logs of a container"),
    "ls": _entry("ps", "List containers"),
    "pause": _entry("pause", "Pause all processes within one or more containers"),
    "rename": _entry("rename", "Rename a container"),
    "restart": _entry("restart", "Restart one or more containers"),
    "rm": _entry("rm", "Remove one or more containers"),
    "run": _entry("run", "Create and run a new container from an image"),
    "start": _entry("start", "Start one or more stopped containers"),
    "stats": _entry("stats", "Display a live stream of container(s) resource usage statistics"),
    "stop": _entry("stop", "Stop one or more running containers"),
    "top": _entry("top", "Display the running processes of a container"),
    "unpause": _entry("unpause", "Unpause all processes within one or more containers"),
    "wait": _entry("wait", "Block until one or more containers stop, then print their exit codes"),
    "list": Entry("rocker.cli.ps", "List containers", hidden=True),
    "ps": Entry("rocker.cli.ps", "List containers", hidden=True),
}

IMAGE = {
    "history": _entry("history", "Show the history of an image"),
    "import": _entry("import_", "Import the contents from a tarball to create a filesystem image"),
    "inspect": _entry("image_inspect", "Display detailed information on one or more images"),
    "load": _entry("load", "Load an image from a tar archive or STDIN"),
    "ls": _entry("images", "List images"),
    "rm": _entry("rmi", "Remove one or more images"),
    "save": _entry("save", "Save one or more images to a tar archive (streamed to STDOUT by default)"),
    "tag": _entry("tag", "Create a tag TARGET_IMAGE that refers to SOURCE_IMAGE"),
    "list": Entry("rocker.cli.images", "List images", hidden=True),
    "remove": Entry("rocker.cli.rmi", "Remove one or more images", hidden=True),
}

SYSTEM = {
    "events": _entry("events", "Get real time events from the engine"),
    "info": _entry("info", "Display system-wide information"),
}

_TOP = [
    "attach",
    "create",
    "exec",
    "kill",
    "logs",
    "pause",
    "rename",
    "restart",
    "rm",
    "run",
    "start",
    "stats",
    "stop",
    "top",
    "unpause",
    "wait",
]

ROOT = {
    "container": _entry("group_container", "Manage containers"),
    "image": _entry("group_image", "Manage images"),
    "system": _entry("group_system", "Manage rocker"),
    **{name: CONTAINER[name] for name in _TOP},
    **{name: IMAGE[name] for name in ("history", "import", "load", "save", "tag")},
    "completion": _entry("completion", "Generate the autocompletion script for a shell"),
    "events": SYSTEM["events"],
    "help": _entry("help", "Help about the command"),
    "images": IMAGE["ls"],
    "info": SYSTEM["info"],
    "inspect": _entry("inspect", "Return low-level information on rocker objects"),
    "ps": CONTAINER["ls"],
    "rmi": IMAGE["rm"],
    "version": _entry("version", "Show the rocker version information"),
}
