"""The `tenet` command: it runs a system on this machine, and talks to any system as a gRPC client like any other."""
