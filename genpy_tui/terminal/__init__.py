"""What concerns the terminal itself: clipboard, editor, pastes.

Nothing here knows a conversation.
"""
