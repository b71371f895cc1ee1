"""Events that were given up: kept with their bytes, their error and their attempts, until an operator ends them.

The face: `admin` (found, read, edited, discarded, each act recorded) and `replay.Replayer` (applied after all, once).
`store` writes a letter; `advisories` writes those that the server itself gave up, so that none disappears.
Begin with `store`.
"""
