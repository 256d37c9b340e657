"""The parts that screens are composed of, one a file.

State comes down to them and messages go up; no widget knows a screen.
"""
