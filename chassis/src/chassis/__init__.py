"""What every service stands on: the exchange of events, applied once, in order, traced. No business word in it.

The rooms lie along an event's way. `outbox` stores what is announced and publishes it; `broker` is the connection, and
what is made on the server; `consumer` fetches, where `lease` has given this process the part; `inbox` applies once and
in order, and has the retry queue; what cannot be applied ends in `dead_letters`; `projections` are copies that can be
rebuilt. `subscriptions` is what a service writes its handlers with, `database` what all of it is stored in.
`telemetry`, `health` and `http` are what operators and callers see; `runtime` composes one service of it all.
"""
