"""llama.cpp builds: channels to get one (catalogue, install), start it (server), prove what
ran (placement, memory), stop it (guard). Nothing here measures speed or knows of models'
sources; every failure is an EngineError.
"""
