"""The floors: the same work by the bare clients at their best, as processes of their own like the measured service."""
