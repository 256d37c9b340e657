"""Screens over the conversation: questions, help, search, summary, leaving.

Each returns a value to the caller that opened it.
"""
