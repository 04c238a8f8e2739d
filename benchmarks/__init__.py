"""Pairs of the same work done in two ways, in one run: `make bench`, `make bench ONLY=latency`.

Each module with a function `pairs` is a benchmark of that name; see `benchmarks.pair`.
"""
