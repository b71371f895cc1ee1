"""The `ssenet` command, and the whole network run on one machine.

`main` composes the command of what each room offers, one room for each of those it serves: `network` (run it),
`tour` and `partners` (try it, let partners in), `operators` (dead letters, rebuild, refill), `development` (tests,
checks, contracts). Below them: `processes`, `data_folder`, `terminal`. In each, `commands` (or `…_commands`) says
what can be asked; the module named after what is done does it.
"""
