"""Running Tenet on one machine: settings, the embedded PostgreSQL and the supervisor of all processes."""
