"""`python -m gateway` serves; `python -m gateway migrate` migrates and exits."""

from chassis.runtime.process import serve
from gateway.app import build
from gateway.settings import Settings

serve(build, Settings)
