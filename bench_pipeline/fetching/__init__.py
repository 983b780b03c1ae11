"""One file over the network: resumed, bounded, checked by its hash.

`http` takes up a download where an earlier one was cut; `wheels` finds files in the package
index. Which file, and what to do with it, is for `models/` and `engines/builds/` to know.
"""
