"""Engine builds against each other: how they were compiled, comparisons, trends over the builds.

Derived from tables that are there already; the formulas are in `measures/`.
"""
