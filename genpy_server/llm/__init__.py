"""Doors to language models: one Protocol in `base`, and an adapter in each file.

Trouble of a service gets its name here; nothing here knows sessions or stores.
"""
