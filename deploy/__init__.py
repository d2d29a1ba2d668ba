"""How Earshot is started: the embedded launcher here; containers beside it."""
