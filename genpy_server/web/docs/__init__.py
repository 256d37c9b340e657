"""The documentation at `/docs`, with OpenAPI and AsyncAPI.

It is generated from the route table, the frame types and the errors.
"""
