"""Functions that a model or a message can call: GenPy's own, and those of others.

GenPy's own only read the conversations of the user who asks. One of others that acts runs only
when a person allows it; what any of them returns is data, never an instruction.
"""
