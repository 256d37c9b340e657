"""The chat screen and the controllers that it holds, one for each concern.

Widgets and dialogs live in folders of their own and import nothing from here.
"""
