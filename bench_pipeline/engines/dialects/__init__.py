"""How each engine family talks behind the OpenAI protocol: what it is asked, how its events read.

A dialect opens no socket and keeps no time. Reading streams, stamping them and judging what they
hold is shared by all, in `harness/client/`. A new family is one file here and one line in
`families.py`.
"""
