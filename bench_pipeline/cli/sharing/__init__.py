"""Commands for results that pass from one person to another: taken, checked, signed.

Not here: what is done with one's own (`bench`, `migrate`).
"""
