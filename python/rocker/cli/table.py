"""Every command: its name, its module, its line in the help. Nothing is imported for it."""

from __future__ import annotations

from rocker.cli.command import Entry


def _entry(module: str, summary: str) -> Entry:
    return Entry(f"rocker.cli.{module}", summary)


CONTAINER = {
    "attach": _entry(
        "attach", "Attach local standard input, output, and error streams to a running container"
    ),
    "commit": _entry("commit", "Create a new image from a container's changes"),
    "cp": _entry("cp", "Copy files/folders between a container and the local filesystem"),
    "create": _entry("create", "Create a new container"),
    "diff": _entry("diff", "Inspect changes to files or directories on a container's filesystem"),
    "export": _entry("export", "Export a container's filesystem as a tar archive"),
    "exec": _entry("exec", "Execute a command in a running container"),
    "inspect": _entry("container_inspect", "Display detailed information on one or more containers"),
    "kill": _entry("kill", "Kill one or more running containers"),
    "logs": _entry("logs", "Fetch the logs of a container"),
    "ls": _entry("ps", "List containers"),
    "pause": _entry("pause", "Pause all processes within one or more containers"),
    "port": _entry("port", "List port mappings or a specific mapping for the container"),
    "prune": _entry("container_prune", "Remove all stopped containers"),
    "rename": _entry("rename", "Rename a container"),
    "restart": _entry("restart", "Restart one or more containers"),
    "rm": _entry("rm", "Remove one or more containers"),
    "run": _entry("run", "Create and run a new container from an image"),
    "start": _entry("start", "Start one or more stopped containers"),
    "stats": _entry("stats", "Display a live stream of container(s) resource usage statistics"),
    "stop": _entry("stop", "Stop one or more running containers"),
    "top": _entry("top", "Display the running processes of a container"),
    "update": _entry("update", "Update configuration of one or more containers"),
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
    "prune": _entry("image_prune", "Remove unused images"),
    "pull": _entry("pull", "Download an image from a registry"),
    "push": _entry("push", "Upload an image to a registry"),
    "rm": _entry("rmi", "Remove one or more images"),
    "save": _entry("save", "Save one or more images to a tar archive (streamed to STDOUT by default)"),
    "tag": _entry("tag", "Create a tag TARGET_IMAGE that refers to SOURCE_IMAGE"),
    "list": Entry("rocker.cli.images", "List images", hidden=True),
    "remove": Entry("rocker.cli.rmi", "Remove one or more images", hidden=True),
}

MANIFEST = {
    "annotate": _entry("manifest_annotate", "Add additional information to a local image manifest"),
    "create": _entry(
        "manifest_create", "Create a local manifest list for annotating and pushing to a registry"
    ),
    "inspect": _entry("manifest_inspect", "Display an image manifest, or manifest list"),
    "push": _entry("manifest_push", "Push a manifest list to a repository"),
    "referrers": _entry("manifest_referrers", "Display what refers to a manifest"),
    "rm": _entry("manifest_rm", "Delete one or more manifest lists from local storage"),
}

VOLUME = {
    "create": _entry("volume_create", "Create a volume"),
    "inspect": _entry("volume_inspect", "Display detailed information on one or more volumes"),
    "ls": _entry("volume_ls", "List volumes"),
    "prune": _entry("volume_prune", "Remove unused local volumes"),
    "rm": _entry("volume_rm", "Remove one or more volumes"),
    "list": Entry("rocker.cli.volume_ls", "List volumes", hidden=True),
    "remove": Entry("rocker.cli.volume_rm", "Remove one or more volumes", hidden=True),
}

NETWORK = {
    "connect": _entry("network_connect", "Connect a container to a network"),
    "create": _entry("network_create", "Create a network"),
    "disconnect": _entry("network_disconnect", "Disconnect a container from a network"),
    "inspect": _entry("network_inspect", "Display detailed information on one or more networks"),
    "ls": _entry("network_ls", "List networks"),
    "prune": _entry("network_prune", "Remove all unused networks"),
    "rm": _entry("network_rm", "Remove one or more networks"),
    "list": Entry("rocker.cli.network_ls", "List networks", hidden=True),
    "remove": Entry("rocker.cli.network_rm", "Remove one or more networks", hidden=True),
}

SYSTEM = {
    "boot": _entry("boot", "Start the containers that should run after the machine has started"),
    "df": _entry("system_df", "Show disk usage"),
    "events": _entry("events", "Get real time events from the engine"),
    "info": _entry("info", "Display system-wide information"),
    "prune": _entry("system_prune", "Remove unused data"),
    "shutdown": _entry("shutdown", "Stop all running containers before the machine goes down"),
}

_TOP = [
    "attach",
    "commit",
    "cp",
    "create",
    "diff",
    "exec",
    "export",
    "kill",
    "logs",
    "pause",
    "port",
    "rename",
    "restart",
    "rm",
    "run",
    "start",
    "stats",
    "stop",
    "top",
    "unpause",
    "update",
    "wait",
]

ROOT = {
    "container": _entry("group_container", "Manage containers"),
    "image": _entry("group_image", "Manage images"),
    "manifest": _entry("group_manifest", "Manage manifests and manifest lists of registries"),
    "network": _entry("group_network", "Manage networks"),
    "system": _entry("group_system", "Manage rocker"),
    "volume": _entry("group_volume", "Manage volumes"),
    **{name: CONTAINER[name] for name in _TOP},
    **{name: IMAGE[name] for name in ("history", "import", "load", "pull", "push", "save", "tag")},
    "completion": _entry("completion", "Generate the autocompletion script for a shell"),
    "events": SYSTEM["events"],
    "help": _entry("help", "Help about the command"),
    "images": IMAGE["ls"],
    "info": SYSTEM["info"],
    "inspect": _entry("inspect", "Return low-level information on rocker objects"),
    "login": _entry("login", "Authenticate to a registry"),
    "logout": _entry("logout", "Log out from a registry"),
    "ps": CONTAINER["ls"],
    "rmi": IMAGE["rm"],
    "search": _entry("search", "Search a registry for images"),
    "version": _entry("version", "Show the rocker version information"),
}
