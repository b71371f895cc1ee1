"""For operators and the coordinator: the state of the network.

Promises: the page tells what each service says of itself, and says so of one that does not answer.
Face: `router`. A page is a module in `pages`, its HTML in `templates` under the same name, its tests in
`tests/operators`. Begin with `pages/operations.py`. What operators' tools ask for is under `/internal`: see
`gateway.sign_in.api`.
"""

from fastapi import APIRouter

from gateway.operators.pages import operations

router = APIRouter(include_in_schema=False)
router.include_router(operations.router)

__all__ = ["router"]
