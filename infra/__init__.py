"""What every service stands on: the ledger, keys, the gRPC kit, authority, telemetry and the runtime. Knows no service."""
