"""One wave of streams against an engine: prompts, sockets, timestamps, counts.

The hot path. How often to repeat it and what to believe of it is decided in `harness/`;
nothing here starts an engine or writes a file.
"""
