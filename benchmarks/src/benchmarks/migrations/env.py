from benchmarks.work.tables import Base
from chassis.migrations import run

run(Base.metadata)
