"""`python -m coordination` serves; `python -m coordination migrate` migrates and exits."""

from chassis.runtime.process import serve
from coordination.app import build
from coordination.settings import Settings

serve(build, Settings)
