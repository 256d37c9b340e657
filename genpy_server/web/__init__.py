"""The network side: one port for HTTP and WebSocket, with its pages and documentation.

It uses `sessions` and runs no reply itself; nothing below it uses the network.
"""
