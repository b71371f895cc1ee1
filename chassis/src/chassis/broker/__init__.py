"""NATS JetStream: one connection a service, acknowledged publishes, and streams and durables kept as described.

The face: `connection.Broker` for services; `topology.Topology` (the description in `deploy/nats`) and `provision` for
whoever makes streams and durables, which services never do. `stream_identity` tells a stream from one made anew;
`stream_reader` reads single events of it; `side_durables` are those that every service has beside its handlers';
`nkeys` makes the users' keys. Begin with `connection`.
"""
