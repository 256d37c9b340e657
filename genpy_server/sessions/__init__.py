"""The sessions that are live: who is attached, what happened, how they end, and the kept ones.

Nothing here reads a socket or asks a model for a reply; sockets subscribe, and `runs` replies.
"""
