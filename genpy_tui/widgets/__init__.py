"""The widgets of the screens, one per file.

They get state from their screen and send messages to it; no widget imports a screen.
"""
