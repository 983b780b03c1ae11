"""Everything written by hand or by a rig, as strict pydantic models.

A module for each kind of record; `yaml` reads and writes them. Nothing here measures, downloads
or draws.
"""
