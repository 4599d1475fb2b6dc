"""The six services. None imports another; they react to each other through the ledger."""
