"""The screen of a conversation and the controllers that it holds, one a concern.

Widgets and dialogs live in folders of their own and know nothing of these.
"""
