"""The HTTP edge that every service shares: problems (RFC 9457), who may call, the transaction of a request, the routes.

The face: `problems`, `access`, `dependencies`, `requests` (what a request may say), and in `routes` what every service
answers beside its own: health, dead letters, projections. Below all of it, `wire`: how requests come off a connection.
"""
