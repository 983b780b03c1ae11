"""One run as rows: what each table gets of it, figures derived by `measures/` alone.

Plain Python from a record to tuples by column; no SQL, and nothing of other runs.
"""
