"""The command `rocker`: one file per command, each with a `COMMAND`.

`main` is the entry; `table` names every command and where it lives, so that only the one in use is
imported; `flags`
and `command` give click Docker's syntax, help and messages; `options` has the flags that `run` and `create`
share.
"""
