"""The read models of the assets service, one a file, each with its table in `migrations/`."""

from services.assets.projections.asset_index import AssetIndex
from services.assets.projections.assets import Assets
from services.assets.projections.discovered_hosts import DiscoveredHosts
from services.assets.projections.findings import Findings
from services.assets.projections.sensors import Sensors
from services.assets.projections.vulnerability_feeds import VulnerabilityFeeds

ASSETS = Assets()
ASSET_INDEX = AssetIndex()
DISCOVERED_HOSTS = DiscoveredHosts()
SENSORS = Sensors()
FINDINGS = Findings()
VULNERABILITY_FEEDS = VulnerabilityFeeds()
VIEWS = (ASSETS, ASSET_INDEX, DISCOVERED_HOSTS, SENSORS, FINDINGS, VULNERABILITY_FEEDS)

__all__ = ["ASSETS", "ASSET_INDEX", "DISCOVERED_HOSTS", "FINDINGS", "SENSORS", "VIEWS", "VULNERABILITY_FEEDS"]
