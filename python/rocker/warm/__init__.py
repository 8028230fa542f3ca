"""Warm workers of the command: Python processes that have everything imported and wait for one command each.

| module | duty |
|---|---|
| `template` | the process that forks workers, and leaves when nobody has asked for a minute |
| `worker` | one command, done as the caller |
| `wire` | frames between the native command and a worker |

The native command (`rust/cli`) starts the template and asks the workers; docs/warm.md tells the whole.
"""
