"""What the numbers mean: one home for each metric's formula, unit, definition and statistics.

Used by the harness to decide when to stop, by the warehouse to derive medians, and by the
pages for their definitions. Needs numpy and nothing else.
"""
