"""What one network keeps between its runs, and what is written there of a running one.

It promises that nothing is half written and that secrets are their owner's alone. Its face: `folder.DataFolder`,
which says where each thing lies; then the state file (what runs), the secrets file, the log files, and the lock by
which one supervisor holds it all. It starts nothing and asks nobody. Begin with `folder`.
"""
