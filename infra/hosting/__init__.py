"""What every service's process is built on: ledger, keys, objects, read database, authority, serving until stopped.

A service's `wiring.py` opens a `Foundation`, makes its own parts on it and hands its servicers to
`serve_until_stopped`.
"""

from infra.hosting.foundation import Foundation
from infra.hosting.serving import run_service, serve_until_stopped

__all__ = ["Foundation", "run_service", "serve_until_stopped"]
