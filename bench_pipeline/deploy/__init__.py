"""How the definitions are run: instance files and the queue of one machine."""
