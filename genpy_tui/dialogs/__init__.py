"""Screens over the conversation: questions, help, search, summary, leaving.

Each returns a value to who opened it and changes nothing itself.
"""
