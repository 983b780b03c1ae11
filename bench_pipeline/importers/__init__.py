"""Other people's results as run files of ours, one module for each tool that wrote them.

What a result does not say stays unknown. Nothing here measures, and nothing fills a gap with
what this machine is.
"""
