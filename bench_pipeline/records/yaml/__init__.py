"""Records as YAML files: strict on the way in, atomic on the way out, old schemas read for ever.

What a record is stands in the folder above; nothing here knows what its keys mean.
"""
