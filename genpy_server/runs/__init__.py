"""One reply from the question to the stored answer: its queue, context, tool calls and memory.

A run publishes events; it knows neither the subscribers nor how sessions are opened and ended.
"""
