"""A module for each form in which people keep results: text in, tests and what was passed over
out. None of them decides what a run may say."""
