"""The Container Device Interface: devices that a vendor describes in files, injected by name (`vendor.com/class=name`).

Specification: https://github.com/cncf-tags/container-device-interface/blob/main/SPEC.md (versions 0.1.0 to 1.1.0).

| file | duty |
|---|---|
| `names` | `vendor.com/class=name`, and what its parts may be |
| `directories` | where the files are |
| `document`, `reader` | one file: its text, its checked content |
| `registry` | all files: which of two of one name counts |
| `gpus` | the requests of `--gpus` as names |
| `inject` | the edits, made to an OCI specification |

A start without such devices imports nothing of this.
"""
