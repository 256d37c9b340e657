"""Read-only functions of the conversation's own data, which a model or a message can call.

They ask a store for one user; nothing here writes, and what they return is data.
"""
