"""Markdown as models write it: the dialect that terminal and browser share, and formulas to read.

Nothing here knows how a text is shown; markdown-it and pylatexenc are imported when first needed.
"""
