"""What every service stands on: ledger, keys, gRPC kit, authority, telemetry, runtime. It knows no service."""
