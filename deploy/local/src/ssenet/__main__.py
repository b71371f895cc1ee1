"""`python -m ssenet`, the way the launcher starts the command."""

import signal

if __name__ == "__main__":
    # Whoever presses Ctrl-C while the command is still loading wants it gone, and no traceback.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    from ssenet.main import app

    app()
