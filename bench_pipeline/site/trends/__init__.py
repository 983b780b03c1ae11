"""Speed over the engine's builds: series, their charts, flagged changes, words and feed."""
