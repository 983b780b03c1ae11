"""From the warehouse to a directory of pages that need no server, no network and no script.

source     the warehouse's tables, read once
view       the view model: everything the pages show, already in words (cards, rows, charts, ...)
charts     Altair charts of the view model as inline SVG
render     templates and static files
build      all of it, swapped in whole or not at all
"""
