"""What a person types: a module for each sub-command, and `flow`, which runs Dagster's jobs.

Wrong choices are answered here, before any work. What is done is done by the assets; nothing
here measures, and no figure is made here.
"""
