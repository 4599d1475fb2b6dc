"""The ledger's core: an append-only store per tenant in PostgreSQL, group commit, sealed fields, streams and a feed.

`ledger.Ledger` bundles what a process needs. A service decides through `handler.CommandHandler`, reads the states of
its aggregates through `repository.Repository`, and follows a tenant's ledger through `feed.Feed`.
"""
