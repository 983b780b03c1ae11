"""How the definitions are run: instance files and queues, of one machine and of a farm."""
