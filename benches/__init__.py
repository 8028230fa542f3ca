"""rocker beside its peers, on one machine, in the same minutes: `make bench`.

docs/benchmarks.md has the rules.
"""
