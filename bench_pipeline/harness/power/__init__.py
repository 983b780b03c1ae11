"""Power caps: set for one run, watched while it is measured, and put back however it ends.

cards    a card's cap and limits, read and set
note     what was found, written before anything is set: the last resort
guard    a process that puts the cap back when the benchmark is gone
capped   the cap of one run, around it
"""
