"""The run files as tables, in one DuckDB file that can be deleted at any time.

`refresh.refresh(project)` brings it up to date; `store.Warehouse(path).read()` opens it. `rows`
makes a run's rows, `builds` sets builds against each other. The tables are described in
`sql/schema*.sql`; what is derived from them, in the other SQL files. Nothing here measures or
draws.
"""
