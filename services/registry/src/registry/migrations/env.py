from chassis.migrations import run
from registry.tables import Base

run(Base.metadata)
