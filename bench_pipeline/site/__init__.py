"""From the warehouse to a directory of pages that need no server, no network and no script.

build      all of it, swapped in whole or not at all
pages      one small module for each kind of page, the templates behind them
view       the view model: everything the pages show, already in words
tables, charts, compare, trends, runs, rigs, data, models, hardware
           a room for each subject
wording    how values are written, everywhere
source     the warehouse's tables, read once
"""
