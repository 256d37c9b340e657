"""The pages a browser sees: plain HTML, CSS and modules, served as they lie here.

Their data comes over the same frames and HTTP as everybody's; nothing here reads a store.
"""
