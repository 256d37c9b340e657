"""The terminal client: one full-screen application over `genpy_server.client`.

Only this package imports Textual.
"""
