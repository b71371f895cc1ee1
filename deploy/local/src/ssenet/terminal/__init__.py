"""Speaking to the person at the terminal, or to the program that reads in their place.

It promises that what goes wrong is one sentence with its remedy, never a traceback, and that what others wrote can
steer no terminal. Its face: `errors.CommandError`, which any room may raise; `prompts` asks, `times` reads times,
`options` are options of several commands, `output` and `escaping` print. It knows of no network. Begin with `errors`.
"""
