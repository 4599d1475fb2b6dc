"""How actions leave: one port, and what stands behind it."""
