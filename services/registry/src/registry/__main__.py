"""`python -m registry` serves; `python -m registry migrate` migrates and exits."""

from chassis.runtime.process import serve
from registry.app import build
from registry.settings import Settings

serve(build, Settings)
