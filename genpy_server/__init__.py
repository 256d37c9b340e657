"""GenPy's server: it keeps conversations, answers them, summarises them and finds them again.

Importing this imports nothing heavy; `app` builds the objects, each folder says what it holds.
"""

__version__ = "0.1.0"
