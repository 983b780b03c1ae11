"""Engines of other families than llama.cpp's, started as the rig file says.

What they say and are asked is their dialect's; here is how they are found, started and ended.
"""
