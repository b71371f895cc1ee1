"""`check`: everything that can be found out without running the network.

It promises one line per check, and below it what is wrong, where. Its face: `run.all_checks`, the list that a new
check is added to. A rule of our own has its module (`catalogues`, `compose_file`, `lock_file`): a function that
yields each fault as a line, and nothing when all is well. Begin with `run`.
"""
