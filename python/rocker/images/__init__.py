"""Images: references, the content store, archives, and what can be done with them.

reference.py   names of images, as Docker reads them
digest.py      sha256 digests, parsed strictly
store.py       blobs and layers on disk; drafts that become visible all at once
config.py      an image's configuration
images.py      ImageService: list, get, tag, history, inspect
remove.py      removal, with Docker's rules of conflict
archive.py     `docker save` and OCI archives in, `load`; tar_reader.py reads the tar
save.py        the same archives out
pull.py        from a registry: manifest.py reads what it says, fetch.py gets the layers
push.py        to a registry: upload.py brings one blob there; crew.py is the threads of both
manifest_list.py   manifests looked at, and lists of them made
progress.py    what both tell of their work
import_.py     an image from a root file system; change.py: its `--change` instructions
"""
