from chassis.migrations import run
from coordination.tables import Base

run(Base.metadata)
