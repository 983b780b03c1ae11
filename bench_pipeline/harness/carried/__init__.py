"""Measuring on a machine that sees no checkout: a plan file in, a folder of run files out.

`bench-rig`, and what it and the control plane both know of that folder.
"""
