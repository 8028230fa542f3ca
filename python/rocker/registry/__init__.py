"""Registries: where an image's name leads, who one is there, and what is said on the wire.

conf.py         registries.conf and daemon.json: mirrors, insecure and blocked registries, aliases
source.py       from a reference to the places it can be had from
credentials.py  who one is at a registry: config.json, auth.json, helpers; helper.py speaks to a helper
keyring.py      `login` and `logout` write there
challenge.py    `WWW-Authenticate`, parsed
auth.py         Basic and Bearer with tokens fetched and renewed, and to whom a secret may go
tls.py          certificates of `certs.d`
proxy.py        `HTTP_PROXY`, `HTTPS_PROXY`, `NO_PROXY`
transport.py    HTTP on kept connections, redirects, limits
client.py       one repository of one registry: manifests, blobs, tags, uploads
search.py       an index or a catalogue
errors.py       what a registry answered, as an error in Docker's words

The HTTP is the standard library's `http.client` on threads: docs/decisions/2026-11-26-registry-client.md. Nothing of
this is imported before a registry is needed.
"""
