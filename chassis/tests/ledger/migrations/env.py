from ledger import Base

from chassis.database.migrations import run

run(Base.metadata)
