"""One run completely: its cells, conditions and samples, in words."""
