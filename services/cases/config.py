"""What the cases service is configured with besides the settings that all services share."""

import base64
from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter
from pydantic_settings import BaseSettings, SettingsConfigDict

from infra.runtime.secret_files import secret
from infra.runtime.settings import Settings

REFERENCE_CONNECTORS = ("edr", "idp")
"""Connectors that lead to the reference actuator where one runs: devices and accounts."""
REHEARSAL = "rehearsal"


class ConnectorConfig(BaseModel):
    """One connector by name. The two credentials differ, so that a receiver cannot vouch for itself."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    name: str = Field(pattern=r"^[a-z][a-z0-9-]{0,62}$")
    kind: Literal["openc2_webhook", "rehearsal"]
    url: str = ""
    """Where commands go: HTTPS, or HTTP on loopback."""
    secret: str = Field(default="", repr=False)
    """Signing secret as Standard Webhooks writes it: `whsec_` and base64."""
    health_url: str = ""
    read_back_url: str = ""
    """State of a target is at this URL, a slash, and its external identifier."""
    read_back_token: str = Field(default="", repr=False)
    tenants: tuple[str, ...] = ()
    """The tenants whose actions may go this way; empty: all. A customer's own receiver names that customer alone."""
    timeout_seconds: float = Field(default=3.0, gt=0, le=10)


class CasesSettings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="TENET_CASES_", frozen=True, env_ignore_empty=True, extra="ignore")

    connectors_file: Path | None = None
    """A JSON list of connectors (the fields of ConnectorConfig), readable by the service's account only."""

    @classmethod
    def from_env(cls) -> Self:
        return cls()


def connectors_of(settings: Settings, own: CasesSettings) -> tuple[ConnectorConfig, ...]:
    """The rehearsal, the reference actuator's where one runs, and the file's, which replace those of the same name."""
    found = {REHEARSAL: ConnectorConfig(name=REHEARSAL, kind="rehearsal")}
    if settings.actuator_url is not None:
        found |= {name: _reference(name, settings.actuator_url, settings) for name in REFERENCE_CONNECTORS}
    if own.connectors_file is not None:
        listed = TypeAdapter(tuple[ConnectorConfig, ...]).validate_json(own.connectors_file.read_bytes())
        found |= {connector.name: connector for connector in listed}
    return tuple(found.values())


def _reference(name: str, url: str, settings: Settings) -> ConnectorConfig:
    webhook = base64.b64encode(secret(settings.secrets_dir, "actuator-webhook").encode()).decode()
    return ConnectorConfig(
        name=name,
        kind="openc2_webhook",
        url=f"{url}/openc2",
        secret=f"whsec_{webhook}",
        health_url=f"{url}/health",
        read_back_url=f"{url}/state",
        read_back_token=secret(settings.secrets_dir, "actuator-reading"),
    )
