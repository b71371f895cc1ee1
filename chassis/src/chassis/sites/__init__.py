"""Home sites: which changes of an aggregate are valid, from the set of its events alone, in whatever order they came.

Simulated; no service uses it yet.
"""
