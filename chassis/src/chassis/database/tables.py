"""The tables that every service's database carries for the backbone, from the outbox to the dead letters."""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, BYTEA, JSONB, UUID

backbone = sa.MetaData()

outbox = sa.Table(
    "outbox",
    backbone,
    # The order of announcements. Identity values are taken before commit, so a later one may commit first; the relay
    # therefore never moves a cursor past a position, it looks for rows not yet published.
    sa.Column("position", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    sa.Column("event_id", UUID(as_uuid=True), nullable=False, unique=True),
    sa.Column("type", sa.Text, nullable=False),
    sa.Column("nats_subject", sa.Text, nullable=False),
    sa.Column("aggregate_id", sa.Text, nullable=False),
    sa.Column("epoch", sa.BigInteger, nullable=False),
    sa.Column("sequence", sa.BigInteger, nullable=False),
    sa.Column("envelope", JSONB, nullable=False),
    sa.Column("announced_at", sa.DateTime(timezone=True), nullable=False),
    # Two writers that changed one aggregate unlocked would both take the same sequence: the second fails here.
    sa.UniqueConstraint("aggregate_id", "epoch", "sequence", name="uq_outbox_aggregate_id_epoch_sequence"),
)

outbox_marks = sa.Table(
    "outbox_marks",
    backbone,
    # Of the row in the outbox: that one is wide, and to update it would write it anew, in each of its indexes.
    sa.Column("position", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("published_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("stream_sequence", sa.BigInteger, nullable=False),
    # The order in which they were published: its end is what the stream must reach, its beginning is forgotten first.
    sa.Index("ix_outbox_marks_stream_sequence", "stream_sequence"),
)
"""What the stream has acknowledged, when, and at which place: a row is published once it has its mark here."""

known_streams = sa.Table(
    "known_streams",
    backbone,
    sa.Column("name", sa.Text, primary_key=True),
    # As the broker tells it: a stream that was made anew has another.
    sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
    # The relay's low watermark, kept now and then: every row below it is published, and none can come there any more.
    sa.Column("published_below", sa.BigInteger, nullable=False, server_default="0"),
)
"""The streams that the outbox was published to, each noted at its first publication."""

# A look into the marks for each row that is asked about. Joined to them, it would be for the planner to guess how many
# there are, and to read all of them.
published = (
    sa.select(outbox_marks.c.position)
    .where(outbox_marks.c.position == outbox.c.position)
    .correlate(outbox)
    .scalar_subquery()
    .is_not(None)
)
"""Whether a row of the outbox is published."""
may_be_unpublished = outbox.c.position >= (
    sa.select(sa.func.coalesce(sa.func.max(known_streams.c.published_below), 0)).scalar_subquery()
)
"""Whether it lies where any may be unpublished: asked beside the other, it spares a look at all that is kept."""

inbox = sa.Table(
    "inbox",
    backbone,
    sa.Column("durable", sa.Text, primary_key=True),
    sa.Column("event_id", UUID(as_uuid=True), primary_key=True),
    sa.Column("applied_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
    # Rows lie in the order of their time, which is all a BRIN index needs, at next to no cost per row.
    sa.Index("ix_inbox_applied_at", "applied_at", postgresql_using="brin"),
)

waiting_events = sa.Table(
    "waiting_events",
    backbone,
    # The order in which they came to wait; within one key it is the order in which they will be applied.
    sa.Column("position", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    sa.Column("durable", sa.Text, nullable=False),
    sa.Column("event_id", UUID(as_uuid=True), nullable=False),
    sa.Column("slot", sa.SmallInteger, nullable=False),
    sa.Column("key", sa.Text, nullable=False),
    sa.Column("stream", sa.Text, nullable=False),
    sa.Column("stream_sequence", sa.BigInteger, nullable=False),
    sa.Column("nats_subject", sa.Text, nullable=False),
    sa.Column("payload", BYTEA, nullable=False),
    # Failed ones so far; what merely waits behind another of its key has none.
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("next_attempt_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("error_class", sa.Text),
    sa.Column("error", sa.Text),
    sa.Column("history", JSONB, nullable=False, server_default=sa.text("'[]'::jsonb")),
    sa.Column("waits_since", sa.DateTime(timezone=True), nullable=False),
    sa.UniqueConstraint("durable", "event_id", name="uq_waiting_events_durable_event_id"),
    sa.Index("ix_waiting_events_durable_key_position", "durable", "key", "position"),
)

durable_owners = sa.Table(
    "durable_owners",
    backbone,
    # The durable's name on the server; `durable` is its name in the code, the same however it is split.
    sa.Column("partition", sa.Text, primary_key=True),
    sa.Column("durable", sa.Text, nullable=False),
    sa.Column("slots", ARRAY(sa.SmallInteger), nullable=False),
    # Rises with every change of the owner: a transaction that carries an older one is refused.
    sa.Column("token", sa.BigInteger, nullable=False),
    # Owners in a row that went without having applied anything, and without saying so.
    sa.Column("crashes", sa.Integer, nullable=False),
    sa.Column("released", sa.Boolean, nullable=False),
    sa.Column("taken_at", sa.DateTime(timezone=True), nullable=False),
)

dead_letters = sa.Table(
    "dead_letters",
    backbone,
    sa.Column("id", UUID(as_uuid=True), primary_key=True),
    sa.Column("durable", sa.Text, nullable=False),
    sa.Column("stream", sa.Text, nullable=False),
    sa.Column("stream_sequence", sa.BigInteger, nullable=False),
    sa.Column("nats_subject", sa.Text, nullable=False),
    sa.Column("event_id", UUID(as_uuid=True)),
    sa.Column("type", sa.Text),
    sa.Column("dataschema", sa.Text),
    sa.Column("trace_id", sa.Text),
    sa.Column("payload", BYTEA, nullable=False),
    sa.Column("error_class", sa.Text, nullable=False),
    sa.Column("error", sa.Text, nullable=False),
    sa.Column("attempts", JSONB, nullable=False),
    sa.Column("died_at", sa.DateTime(timezone=True), nullable=False),
    # What the message said stays as it was delivered; an edit lies beside it, and is what a replay applies.
    sa.Column("edited_payload", BYTEA),
    sa.Column("state", sa.Text, nullable=False, server_default="waiting"),
    sa.Column("ended_at", sa.DateTime(timezone=True)),
    # One letter per delivered message; the content is part of the key, since a stream made anew counts from one again.
    sa.Index(
        "uq_dead_letters_message",
        "durable",
        "stream",
        "stream_sequence",
        sa.text("sha256(payload)"),
        unique=True,
    ),
    sa.Index(
        "ix_dead_letters_waiting",
        "stream",
        "stream_sequence",
        "id",
        postgresql_where=sa.text("state = 'waiting'"),
    ),
)

dead_letter_records = sa.Table(
    "dead_letter_records",
    backbone,
    sa.Column("position", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    sa.Column("letter_id", UUID(as_uuid=True), nullable=False, index=True),
    sa.Column("action", sa.Text, nullable=False),
    sa.Column("at", sa.DateTime(timezone=True), nullable=False),
    # The program that called, by its token, and the person's role that it named.
    sa.Column("caller", sa.Text, nullable=False),
    sa.Column("by", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("before", BYTEA),
    sa.Column("after", BYTEA),
    sa.Column("outcome", sa.Text),
)
"""What was done to dead letters, by whom and why; rows are only ever added."""

projection_rebuilds = sa.Table(
    "projection_rebuilds",
    backbone,
    sa.Column("id", UUID(as_uuid=True), primary_key=True),
    sa.Column("durable", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("from_time", sa.DateTime(timezone=True)),
    sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("caller", sa.Text, nullable=False),
    sa.Column("by", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("targets", JSONB),
    sa.Column("finished_at", sa.DateTime(timezone=True)),
    sa.Column("report", JSONB),
    sa.Index(
        "uq_projection_rebuilds_under_way",
        "durable",
        unique=True,
        postgresql_where=sa.text("state <> 'finished'"),
    ),
)

projection_rebuild_rows = sa.Table(
    "projection_rebuild_rows",
    backbone,
    sa.Column("rebuild_id", UUID(as_uuid=True), primary_key=True),
    sa.Column("table_name", sa.Text, primary_key=True),
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("epoch", sa.BigInteger, nullable=False),
    sa.Column("sequence", sa.BigInteger, nullable=False),
)
"""The versions that a projection's rows had when its rebuild began."""

OUTBOX_WRITTEN = "outbox_written"
OUTBOX_PUBLISHED = "outbox_published"
STREAM_FORGOTTEN = "stream_forgotten"
"""NOTIFY channels: rows wait for the relay; the relay has had rows acknowledged; which stream it was is taken back."""
