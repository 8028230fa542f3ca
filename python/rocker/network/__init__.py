"""Networks: which there are, who has which address, what a container's start is told. No packet passes here.

address.py    addresses as bytes, subnets
pools.py      where a network's subnet comes from when none was named
store.py      the rows of networks, subnets and endpoints in the catalogue
leases.py     addresses of a subnet, each given once
attach.py     the endpoints of a container: checked, numbered, written
plan.py       the launch request's `network`, from what is in the catalogue
ports.py      which ports are published
choose.py    host ports that were left open: ranges, one number for both families
files.py      /etc/hosts and /etc/resolv.conf
links.py      `--link`: names and variables of other containers
hold.py       locks that keep a network while a container starts on it

Verbs are in `rocker.engine`: network_create.py and its like. The rules of the host (bridges, filters, name service) are
the native core's. `rocker run --network none` imports none of this.
"""
