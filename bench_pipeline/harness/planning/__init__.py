"""What is wanted of a run before it begins: which runs, in which mode, how much of each.

Plain decisions from records, also asked by the control plane: nothing here measures.
"""
