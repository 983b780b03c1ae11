"""Every drawing of speeds: what it shows, how it is drawn, and its SVG.

`configurations` chooses what the charts of a table show and `specs` draws it, as `bars` or
`plots` at the `sizes` of a screen and a phone; `curves` and `scaling` are a run's small charts, on
the frame of `panels`; `svg` and the widths of `lettering` are common to all. A trend's
chart is in `trends/`, a rig's time line in `rigs/`.
"""
