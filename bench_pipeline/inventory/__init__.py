"""What this machine is, read from the machine itself.

`capture` asks every probe and never fails; `identity` tells one machine from another;
`declare` writes the rig file of a machine that has none. Sampling power and clocks during
a run is the harness's work. Nothing here leaves a host name, a serial number or a UUID in
an Inventory: it is published.
"""
