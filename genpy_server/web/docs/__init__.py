"""What `/docs` says, with OpenAPI and AsyncAPI.

Everything is written from the route table, the frame types and the errors; no endpoint is described by hand.
"""
