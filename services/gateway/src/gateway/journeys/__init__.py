"""What became of a partner's event: the steps it went through, and the one word that sums them up.

Promises: each step counts once, stands in its place however late it is heard, and names units, never members.
Face: `workflows` records what other services announce (see `gateway.subscribers`) and reads it back for partners.
Begin with `domain.py`: what is a step, and which status the steps add up to.
"""
