"""How actions and messages leave: a port for each, and what stands behind it."""
