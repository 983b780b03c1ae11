"""llama.cpp at work: its server and its llama-bench, started, read and stopped.

`server` starts it, `placement` proves from its log where the model lies, `llama_bench` runs the
bare engine of the same build. An engine of another kind gets a folder beside this one.
"""
