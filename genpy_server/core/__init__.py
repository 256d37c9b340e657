"""Pure judgement: plain values in, plain values out; no clock, socket, task or environment."""
