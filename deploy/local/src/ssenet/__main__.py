"""`python -m ssenet`, the way the launcher starts the command."""

from ssenet.main import app

app()
