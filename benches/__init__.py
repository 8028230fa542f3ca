"""rocker beside its peers, on one machine, in the same minutes: `make bench`.

docs/performance.md has the rules.
"""
