"""From the stream to the inbox: one loop for each part of a durable, in the one process that holds its lease.

The face: `consumer.Consumer`, which `runtime` makes for each part of each subscription.
`pull` fetches in the order of the stream and acknowledges after the commit; `sequence_check` decides whether what
arrives follows on what came before. What is fetched is applied by `inbox`.
Begin with `consumer`.
"""
