"""The addresses that tests fetch from are not public: they are named, as a deployment names its own."""

from ipaddress import ip_network

from infra.outbound.reach import Reach

LOOPBACK_NETWORKS = (ip_network("127.0.0.1/32"),)
LOOPBACK_ALLOWED = Reach(LOOPBACK_NETWORKS)
