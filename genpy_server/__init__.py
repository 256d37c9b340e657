"""GenPy's server: conversations that are kept, understood, summarised and found again."""

__version__ = "0.1.0"
