"""Engines on this machine: where builds come from (`builds`), and what runs them, a folder for each
kind (`llama_cpp`), under a guard that lets none outlive us (`guard`).

Nothing here measures speed or knows of models' sources; every failure is an EngineError.
"""
