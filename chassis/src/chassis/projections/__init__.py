"""A service's own copies of what others announce: only the newest state is kept, and it can be rebuilt from the stream.

The face: `upsert.keep_newest` for handlers; `rebuild.begin` and `rebuild.Rebuilder` for operators, while it is read.
Begin with `upsert`.
"""
