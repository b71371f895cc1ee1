"""Tools of those who work on the code: `test`, `check`, `bench` and the `contracts` commands.

It promises that `check` finds whatever can be found without running the network, each fault with a line of its own.
Its face: `commands` and `contract_commands`; `run_tests`, `run_benchmarks` and `generate_contracts` hand over to
programs, `contract_editions` compares with what was published, `checks` holds our own rules, `mutants` asks the tests
what they notice. Begin with `checks`.
"""
