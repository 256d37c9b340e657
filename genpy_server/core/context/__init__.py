"""Builds the context for a language model, within a budget of tokens.

Prompts, turns, notes and excerpts as values; nothing here uses a model or a store.
"""
