"""The tables of configurations: families, rows, columns, filters, and the answers at the top.

The view of them, in words. What is drawn beside them is in `charts/`.
"""
