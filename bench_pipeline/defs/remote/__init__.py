"""Rigs that this machine reaches by ssh: they see no checkout and no database, and run what they
are sent with the light install (`harness/carried`)."""
