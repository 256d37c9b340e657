"""What every front end needs to talk to a server: a session that stays, and records over HTTP.

It knows the frames, the values and the errors, and nothing of a server's inside.
"""
