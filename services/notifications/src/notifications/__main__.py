"""`python -m notifications` serves; `python -m notifications migrate` migrates and exits."""

from chassis.runtime.process import serve
from notifications.app import build
from notifications.settings import Settings

serve(build, Settings)
