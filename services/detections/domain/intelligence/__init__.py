"""Intelligence: what others know of attackers, as indicators that telemetry is matched with and techniques by name."""
