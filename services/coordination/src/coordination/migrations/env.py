from chassis.database.migrations import run
from coordination.tables import Base

run(Base.metadata)
