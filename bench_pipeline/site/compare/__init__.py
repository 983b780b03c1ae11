"""Two configurations side by side: addresses, the facts of each, and what may be said of them.

`rule` is the one home of what counts as a difference on the pages.
"""
