"""Which process serves which part of which durable: one at a time, whatever becomes of the others.

The face: `holder.LeaseHolder`, by which a process holds its parts, as PostgreSQL's advisory locks; and `fence.Fence`,
the fencing token that every transaction of an owner carries: one who was paused too long is refused by the database.
Begin with `fence`.
"""
