"""Pure judgement: plain values in, plain values out.

No clock, socket, task or environment; only the standard library and msgspec are imported here.
"""
