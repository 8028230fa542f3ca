"""The values of flags, from text to typed values; pure, and read by the CLI and the API alike.

Every parser takes the text as typed and raises `InvalidArgumentError` with Docker's wording. Nothing here
looks at
the host, except the one that reads a file the caller names (`keyvalue.read_file`).

| module | flags |
|---|---|
| `number` | plain booleans and integers, as Go's strconv reads them |
| `size` | `--memory`, `--shm-size`, `tmpfs-size=`: bytes |
| `cpus` | `--cpus` |
| `ulimit` | `--ulimit` |
| `keyvalue` | `--env`, `--env-file`, `--label`, `--label-file`, `--annotation`, `--log-opt` |
| `volume` | `--volume`, `--tmpfs` |
| `mount` | `--mount` |
| `target` | the mount points of these |
| `device` | `--device` |
| `sysctl` | `--sysctl` |
| `security` | `--security-opt` |
| `duration` | Go durations, and the times of `--since` and `--until` |
| `signal` | `--signal`, `--stop-signal` |
| `keys` | `--detach-keys` |
| `restart` | `--restart` |
| `network` | `--network`, `--dns`, `--dns-search`, `--add-host` |
| `port` | `--publish`, `--expose` |
| `link` | `--link` |
"""
