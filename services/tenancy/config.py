"""What the tenancy service can be told beside the settings of every process: `TENET_TENANCY_<NAME>`."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import BeforeValidator, Field
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

DEFAULT_REGION = "local"
DEFAULT_RETENTION_DAYS = 400
DEFAULT_TIME_ZONE = "UTC"


def _pairs(value: object) -> object:
    return dict(part.split("=", 1) for part in value.split()) if isinstance(value, str) else value


class TenancyConfig(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="TENET_TENANCY_", frozen=True, extra="ignore")

    regions: Annotated[Mapping[str, str], NoDecode, BeforeValidator(_pairs)] = Field(default_factory=dict)
    """The region of each cell, `cell-1=eu-central cell-2=us-east`; a cell that is not named is in `local`."""
    provider_name: str = "The provider"
    """What the bootstrap calls the provider's own organisation. Sealed in the ledger."""
    first_administrator: str = "admin"
    """The subject, at the issuer that `TENET_ISSUER_URL` names, whom the bootstrap makes the first administrator."""
    insecure_issuers: bool = False
    """Whether issuers without https can be bound: on machines for trials only."""

    def region_of(self, cell: str) -> str:
        return self.regions.get(cell, DEFAULT_REGION)
