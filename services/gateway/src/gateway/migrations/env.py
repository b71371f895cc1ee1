from chassis.database.migrations import run
from gateway.tables import Base

run(Base.metadata)
