"""The terminal itself: input, output, and programs of the system.

Nothing here uses a conversation.
"""
