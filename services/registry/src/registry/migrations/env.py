from chassis.database.migrations import run
from registry.tables import Base

run(Base.metadata)
