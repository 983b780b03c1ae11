"""What a run file may say and still be believed: contradictions within it, and with physics.

What a file cannot say at all (types, bounds, links between its parts) is refused by `records`.
"""
