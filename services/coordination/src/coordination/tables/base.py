"""What all tables of coordination share."""

from datetime import datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import DeclarativeBase

from chassis.database.engine import metadata


class Base(DeclarativeBase):
    metadata = metadata()
    type_annotation_map = {  # noqa: RUF012 - SQLAlchemy reads it from the class
        str: sa.Text,
        datetime: sa.DateTime(timezone=True),
        list[str]: ARRAY(sa.Text),
        dict[str, Any]: JSONB(none_as_null=True),
        list[Any]: JSONB,
        # Without precision and scale PostgreSQL keeps a number's digits as written: 15.6 stays 15.6.
        Decimal: sa.Numeric(),
    }
