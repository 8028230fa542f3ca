"""The engine: policy over the native core. One verb, one file.

engine.py, container.py, containers.py   the objects that callers hold
options.py, keywords.py                  what was meant by flags and keyword arguments
config.py, process.py                    what is kept of a container: options merged with its image
spec.py                                  config -> OCI specification, by capabilities.py, devices.py, mounts.py,
                                         namespaces.py, resources.py, rlimits.py, sysctls.py, defaults.py
launch.py                                the launch request, with files.py, logconfig.py, seccomp.py
run.py create.py start.py stop.py …      the verbs
logdrivers/                              where logs are sent; logs.py reads them back
emit.py, events.py                       what happened: written and read
networks.py, network.py, network_*.py    networks: the objects, and their verbs; rocker.network has addresses and plans
attachments.py, network_settings.py      what a container is attached to, and how `inspect` shows it
session.py, popen.py                     a connection to a running process
catalog.py, migrations/                  the database; reconcile.py: what crashes leave behind
ports.py                                 the native core as the engine sees it
"""
