"""What the ledger service does by itself once something is recorded."""
