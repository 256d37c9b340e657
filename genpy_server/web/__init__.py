"""Everything that listens: one port for HTTP and WebSocket, with its pages and documentation.

It knows sessions, runs no reply itself, and nothing below it knows that there is a network.
"""
