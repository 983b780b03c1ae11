"""The part that measures: runs on a rig, needs no control plane.

planning   which runs are wanted, in which mode, and how much repetition is enough
client     prompts, streams and waves with their timestamps
power      a power cap around a run, put back whoever is killed
telemetry  power, clocks, temperature, memory while a window runs
rig_lock   one benchmark on a rig
cell       waves until the median is known: one workload at one concurrency
run        the whole: from a plan item to a run file
"""
