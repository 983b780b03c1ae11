"""Several rigs under one control plane: Redis, Postgres, the workers, and what comes home.

Only where somebody runs a farm: nothing else imports Celery, and one machine needs none of it.
docs/farm.md says how it is set up and what a rig may do to the control plane.
"""
