"""What the measured service keeps: its entries, and the copy that is kept of them on hearing of their changes."""

from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from chassis.database.engine import metadata
from chassis.database.transaction import AggregateColumns


class Base(DeclarativeBase):
    metadata = metadata()


class Entry(AggregateColumns, Base):
    """An entry, as whoever changes it stores it."""

    __tablename__ = "entries"

    amount: Mapped[int] = mapped_column(sa.BigInteger)


class EntryCopy(Base):
    """The newest state of each entry, as whoever hears of it keeps it."""

    __tablename__ = "entry_copies"

    entry_id: Mapped[UUID] = mapped_column(primary_key=True)
    epoch: Mapped[int] = mapped_column(sa.BigInteger)
    sequence: Mapped[int] = mapped_column(sa.BigInteger)
    amount: Mapped[int] = mapped_column(sa.BigInteger)
    country: Mapped[str] = mapped_column(sa.Text)
    note: Mapped[str] = mapped_column(sa.Text)
