"""The web pages: plain HTML, CSS and JavaScript modules.

They use the same frames and HTTP API as other clients; nothing here reads a store.
"""
