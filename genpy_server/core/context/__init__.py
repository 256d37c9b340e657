"""What is put before a language model, within a budget of tokens that is never exceeded.

Prompts, turns, notes and excerpts as values; nothing here asks a model or a store.
"""
