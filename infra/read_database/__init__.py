"""Reading: a service's read database, its row-versioned views, the projector, policies and timers. See README.md."""
