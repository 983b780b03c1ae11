"""The part that measures: runs on a rig, needs no control plane.

plan       which runs are wanted, and whether a run file satisfies one
profiles   how much repetition is enough
prompts    a workload's prompt, fitted to its token budget by the server's own tokenizer
streaming  one streamed completion with its timestamps
waves      all streams of a cell together, and what is derived from their timestamps
telemetry  power, clocks, temperature, memory while a window runs
rig_lock   one benchmark on a rig
cell       waves until the median is known: one workload at one concurrency
run        the whole: from a plan item to a run file
"""
