"""When things run: a process of its own that calls the ledger at its hours."""
