"""Volumes: directories that outlive containers.

A volume is a row of the catalogue and the directory `<root>/volumes/<name>` with its content in `_data`. Both appear in
one transaction; a directory without a row, which only a crash leaves, is removed by whoever looks next if it is empty,
else taken over with what it holds when its name is wanted again: content is never thrown away unasked.

| file | what |
|---|---|
| `collection` | `engine.volumes` |
| `volume` | one volume as an object, its row |
| `create`, `list`, `remove`, `prune` | the verbs |
| `collect` | what is left of one whose making or removal was killed |
| `points` | which volumes a container's mounts mean |
| `mounts` | those as mounts of a specification |
| `options` | what the `local` driver takes |
"""
