"""From the outbox to the stream: whatever was committed is published, in order, by one leader of each service.

The face: `relay.Relay`, which `runtime` starts; a service only announces (`database.transaction`).
`relay_decisions` decides what a relay does next, without doing any of it, and is simulated; `relay` does it.
`low_watermark` says where a look into the outbox begins: what is published is noted beside it, and kept for days.
`republish` takes back that anything was published, to fill a stream that was lost.
Begin with `relay_decisions`.
"""
