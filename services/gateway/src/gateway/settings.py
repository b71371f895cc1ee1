"""What the gateway is told by its environment."""

from datetime import timedelta
from typing import Annotated

from pydantic import ByteSize, Field, SecretStr
from pydantic_settings import SettingsConfigDict

from chassis.settings import ServiceSettings
from gateway.http.body_limits import FORM_BYTES
from gateway.partners.domain.refusals import BATCH_BYTES, EVENT_BYTES
from gateway.sign_in.domain import LINK_LIFE


class Settings(ServiceSettings):
    """`GATEWAY_...`: where the other services are, how the world reaches this one, what a partner may send."""

    model_config = SettingsConfigDict(env_prefix="GATEWAY_", frozen=True, extra="ignore")

    registry_url: str
    coordination_url: str
    notifications_url: str
    service_token: SecretStr
    """The bearer token the other services know as `gateway`."""
    public_url: str = Field(pattern=r"^https?://[^/]+/?$")
    """The address in people's browsers; over https, cookies are bound to it."""

    link_life: timedelta = LINK_LIFE
    """How long a sign-in link may wait. Longer where it is printed on the operator's own terminal."""
    publish_timeout: timedelta = timedelta(seconds=5)
    """How long a sender waits for the broker's word before being told to come back."""
    client_timeout: timedelta = timedelta(seconds=5)
    key_cache: timedelta = timedelta(seconds=2)
    """A revoked key may live on in this process for so long."""
    events_per_second: Annotated[int, Field(ge=1)] = 200
    events_burst: Annotated[int, Field(ge=1)] = 400
    reads_per_second: Annotated[int, Field(ge=1)] = 100
    """A partner's questions what became of its events; they cost little, and have an allowance of their own."""
    reads_burst: Annotated[int, Field(ge=1)] = 500
    key_checks_per_second: Annotated[int, Field(ge=1)] = 20
    """Keys never seen before that the registry is asked about, for one address of a sender."""
    key_checks_burst: Annotated[int, Field(ge=1)] = 500

    event_bytes_in_all: ByteSize = Field(default=ByteSize(4 * 2**20), ge=EVENT_BYTES)
    """Bytes of single events under way at a time. The largest is 256 KiB."""
    event_bytes_per_partner: ByteSize = Field(default=ByteSize(2 * 2**20), ge=EVENT_BYTES)
    batch_bytes_in_all: ByteSize = Field(default=ByteSize(16 * 2**20), ge=BATCH_BYTES)
    """Bytes of batches under way at a time. A full one is 4 MiB."""
    batch_bytes_per_partner: ByteSize = Field(default=ByteSize(8 * 2**20), ge=BATCH_BYTES)
    batch_bytes_read_at_once: ByteSize = Field(default=ByteSize(4 * 2**20), ge=BATCH_BYTES)
    """Bytes of them that are read into objects at a time, where each of them is up to some thirty."""
    form_bytes_in_all: ByteSize = Field(default=ByteSize(4 * 2**20), ge=FORM_BYTES)
    """Bytes of forms and internal calls under way at a time. The largest is 256 KiB."""
    form_bytes_per_address: ByteSize = Field(default=ByteSize(2**20), ge=FORM_BYTES)
    body_patience: timedelta = timedelta(seconds=5)
    """How long a body waits for room before its sender is told to come back."""

    streams_in_all: Annotated[int, Field(ge=1)] = 3000
    """Open pages whose inbox is live; with more, whoever has most of them gives way."""
    streams_per_member: Annotated[int, Field(ge=1)] = 2000
    """Of one member account, which a whole unit may share; with more, its oldest gives way."""
    streams_opened_at_once: Annotated[int, Field(ge=1)] = 4
    stream_send_timeout: timedelta = timedelta(seconds=20)
    """How long a stream waits for its page to take what is sent; then it ends, and the page comes back."""
