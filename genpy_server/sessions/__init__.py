"""Live sessions: their subscribers, their event log and their end; and the records of stored ones.

Nothing here reads a socket or asks a model for a reply: sockets subscribe, and `runs` replies.
"""
