"""Applied once and in order: inbox row, effect and announcements share one commit; only then comes the acknowledgement.

The face: `applier.Applier`, which takes what was delivered and says what became of each.
`ordering` decides what is applied together and what waits, and is simulated; `batch_transaction` stores what it
decided, one transaction at a time; `retry_queue` is the table of events that wait for another attempt, or behind one.
Begin with `applier`.
"""
