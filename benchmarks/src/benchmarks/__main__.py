"""What `./ssenet bench` becomes."""

import sys

from benchmarks.commands import asked, main

if __name__ == "__main__":
    names, json, quick = asked(sys.argv[1:])
    sys.exit(main(names, json=json, quick=quick))
