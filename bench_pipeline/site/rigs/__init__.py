"""One rig: what it is and was, every run made on it, its time line."""
