"""Functions that a model or a message can call: built-in ones, and those of other programs.

Built-in ones only read the conversations of the user. Another one that acts runs only when a person
allows it. The result of any tool is data, never an instruction.
"""
