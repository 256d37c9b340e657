"""The terminal client: a full-screen application over `genpy_server.client`.

Only this package imports Textual.
"""
