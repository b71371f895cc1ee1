"""One running service, composed of the other rooms, and its process.

The face: `service.create_service` makes the FastAPI app, `process.serve` is the command line around it.
Begin with `service`.
"""
