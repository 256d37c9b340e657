"""Adapters of language models, for the Protocol in `base`.

Errors of a service become an `LlmError` here; nothing here uses sessions or stores.
"""
