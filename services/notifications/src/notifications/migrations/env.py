from chassis.database.migrations import run
from notifications.tables import Base

run(Base.metadata)
