"""What the cases service is configured with besides the settings that all services share."""

import base64
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter
from pydantic_settings import BaseSettings, SettingsConfigDict

from infra.runtime.secret_files import secret
from infra.runtime.settings import Settings

REFERENCE_CONNECTORS = ("edr", "idp")
"""Connectors that lead to the reference actuator where one runs: devices and accounts."""
REFERENCE_ROOM = "room"
"""The messenger that leads to the reference actuator's chat room where one runs."""
REHEARSAL = "rehearsal"


class ConnectorConfig(BaseModel):
    """What every way to a receiver is configured with."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    name: str = Field(pattern=r"^[a-z][a-z0-9-]{0,62}$")
    tenants: tuple[str, ...] = ()
    """The tenants whose actions may go this way; empty: all. A customer's own receiver names that customer alone."""
    timeout_seconds: float = Field(default=3.0, gt=0, le=30)


class RehearsalConfig(ConnectorConfig):
    kind: Literal["rehearsal"] = "rehearsal"


class OpenC2WebhookConfig(ConnectorConfig):
    """The two credentials differ, so that a receiver cannot vouch for itself."""

    kind: Literal["openc2_webhook"] = "openc2_webhook"
    url: str
    """Where commands go: HTTPS, or HTTP on loopback."""
    secret: str = Field(repr=False)
    """Signing secret as Standard Webhooks writes it: `whsec_` and base64."""
    health_url: str = ""
    read_back_url: str
    """State of a target is at this URL, a slash, and its external identifier."""
    read_back_token: str = Field(repr=False)


class Program(BaseModel):
    """A program with its fixed arguments, and the environment that it alone is given."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    argv: tuple[str, ...] = Field(min_length=1, max_length=32)
    environment: dict[str, str] = Field(default_factory=dict, max_length=32, repr=False)


class CommandBridgeConfig(ConnectorConfig):
    """The programs that may be run, by the action of the profile that each carries out: `contain network` …"""

    kind: Literal["command_bridge"] = "command_bridge"
    programs: dict[str, Program] = Field(min_length=1, max_length=64)
    query: Program
    """Answers what became of an order."""
    read_back: Program
    """Gets `{"target": …}` and prints the target's state; best with credentials of its own."""


class SmtpConfig(ConnectorConfig):
    """A relay that takes mail. Without TLS only on loopback; the password only over TLS."""

    kind: Literal["smtp"] = "smtp"
    host: str
    port: int = Field(default=587, ge=1, le=65_535)
    tls: Literal["starttls", "implicit", "none"] = "starttls"
    username: str = ""
    password: str = Field(default="", repr=False)
    sender: str
    """The address that mails come from; its domain is that of the message identifiers as well."""


class ChatWebhookConfig(ConnectorConfig):
    """An incoming webhook that takes `{"text": …}`, as Slack's and many others do. The URL is a credential.

    With a `secret` (`whsec_` and base64) messages are signed besides, for a receiver of one's own that checks it and
    knows a second copy by its `webhook-id`.
    """

    kind: Literal["chat_webhook"] = "chat_webhook"
    url: str = Field(repr=False)
    secret: str = Field(default="", repr=False)


class MessageProgramConfig(ConnectorConfig):
    """An operator's own program that brings messages: to a pager, a telephone, a desk."""

    kind: Literal["message_program"] = "message_program"
    program: Program


ActionConnectorConfig = RehearsalConfig | OpenC2WebhookConfig | CommandBridgeConfig
MessengerConfig = SmtpConfig | ChatWebhookConfig | MessageProgramConfig
AnyConfig = Annotated[ActionConnectorConfig | MessengerConfig, Field(discriminator="kind")]


class CasesSettings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="TENET_CASES_", frozen=True, env_ignore_empty=True, extra="ignore")

    connectors_file: Path | None = None
    """A JSON list of connectors and messengers, each with its `kind`, readable by the service's account only."""

    @classmethod
    def from_env(cls) -> Self:
        return cls()


def connectors_of(settings: Settings, own: CasesSettings) -> tuple[ActionConnectorConfig | MessengerConfig, ...]:
    """The rehearsal, the reference actuator's where one runs, and the file's, which replace those of the same name."""
    found: dict[str, ActionConnectorConfig | MessengerConfig] = {REHEARSAL: RehearsalConfig(name=REHEARSAL)}
    if settings.actuator_url is not None:
        found |= {name: _reference(name, settings.actuator_url, settings) for name in REFERENCE_CONNECTORS}
        found[REFERENCE_ROOM] = ChatWebhookConfig(
            name=REFERENCE_ROOM, url=f"{settings.actuator_url}/room", secret=_signing(settings, "actuator-room")
        )
    if own.connectors_file is not None:
        listed = TypeAdapter(tuple[AnyConfig, ...]).validate_json(own.connectors_file.read_bytes())
        found |= {connector.name: connector for connector in listed}
    return tuple(found.values())


def _reference(name: str, url: str, settings: Settings) -> OpenC2WebhookConfig:
    return OpenC2WebhookConfig(
        name=name,
        url=f"{url}/openc2",
        secret=_signing(settings, "actuator-webhook"),
        health_url=f"{url}/health",
        read_back_url=f"{url}/state",
        read_back_token=secret(settings.secrets_dir, "actuator-reading"),
    )


def _signing(settings: Settings, name: str) -> str:
    return f"whsec_{base64.b64encode(secret(settings.secrets_dir, name).encode()).decode()}"
