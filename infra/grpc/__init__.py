"""The gRPC kit: every request is authenticated, validated, authorised, and only then answered.

`serve` hosts servicers, `context.Context` is what their methods get, `status` alone turns errors into statuses, and
`channel.Client` is how anyone calls. `contracts/README.md` says how to add an RPC.
"""

from infra.grpc.channel import Client, RemoteError
from infra.grpc.context import Context
from infra.grpc.server import Hosted, Server, serve

__all__ = ["Client", "Context", "Hosted", "RemoteError", "Server", "serve"]
