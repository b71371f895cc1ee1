"""Headers that mean one thing: given twice, one of the two would be passed over, and nobody could tell which."""

from fastapi import Request

from chassis.http.problems import Problem
from gateway.http.faults import Sentence

ONCE = ("Authorization", "Content-Type", "Content-Encoding")


async def refuse_repeated_headers(request: Request) -> None:
    """Raise a 400 that names the header which this request gives more than once."""
    for name in ONCE:
        if len(request.headers.getlist(name)) > 1:
            sentence = Sentence("The header %(name)s is given more than once.", name=name)
            raise Problem(400, "repeated-header", sentence.text, params=dict(sentence.params))
