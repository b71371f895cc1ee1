"""`python -m gateway` serves; `python -m gateway migrate` migrates and exits."""

from chassis.serving import serve
from gateway.app import build
from gateway.settings import Settings

serve(build, Settings)
