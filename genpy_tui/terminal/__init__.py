"""The terminal itself: clipboard, editor, input, signals.

Nothing here uses a conversation.
"""
