"""What a message wants: its intent, the tool it asks for, the words it is about.

Small linear models and rules; nothing here knows sessions, stores or language models.
"""
