"""`python -m contracts.generate`."""

import sys

from contracts.generate import main

sys.exit(main())
