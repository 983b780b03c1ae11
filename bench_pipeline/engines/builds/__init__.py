"""Where llama.cpp builds come from: the catalogue, what a CPU can run, channels, installing.

One module for each channel of content/engines.yaml; `upstream` asks which builds there are, what
it is told stands in `releases`, and `new_builds` decides which to measure next. What a build does
once it lies here is in `engines/llama_cpp/`.
"""
