"""The client of a server: a session over a WebSocket that reconnects, and records over HTTP.

It imports the frames, the values and the errors, and no part of the server.
"""
