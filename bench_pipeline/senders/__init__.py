"""Who sent a run file, and with which key it was signed.

Here: writing a sender and a signature into the head of a file, and proving one. Not here: whom the
owner of a site trusts (content/rigs, content/site.yaml; `warehouse/sql/strangers.sql`), and
whether the figures can be true (`plausibility`).
"""
