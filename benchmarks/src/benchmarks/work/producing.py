"""Change entries and announce them, from a process of its own: `python -m benchmarks.work.producing COUNT TOGETHER`.

Prints when it began (Unix time).
"""

import os
import sys
import time

import uvloop

from benchmarks.work.announcing import change_entries
from chassis.database.engine import Database


async def main(count: int, together: int) -> None:
    database = Database(os.environ["BENCHMARKS_DATABASE_URL"], service="benchmarks")
    print(time.time())
    await change_entries(database, count, together=together)
    await database.close()


if __name__ == "__main__":
    uvloop.run(main(*(int(argument) for argument in sys.argv[1:])))
