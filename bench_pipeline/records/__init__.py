"""Everything written by hand or by a rig, as strict pydantic models.

`yaml_files` reads and writes them. Nothing here measures, downloads or draws.
"""
