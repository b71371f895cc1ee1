"""`test`, `check` and `bench`: what can be asked, and where it is done."""

from pathlib import Path
from typing import Annotated

import typer

from ssenet.terminal.options import JsonOption


def run_tests_or_mutants(
    context: typer.Context,
    *,
    mutants: Annotated[
        bool,
        typer.Option(
            "--mutants",
            help="Instead plant N small changes in the decisions, one at a time, and run the tests that hold each; "
            "`--mutants 50`, without a number 100. Exits with 1 when fewer than 95 % are noticed.",
        ),
    ] = False,
    mutants_of: Annotated[
        Path | None, typer.Option(metavar="PATH", help="Only in this module or folder.")
    ] = None,
    mutant_seed: Annotated[int, typer.Option(help="Which changes are drawn.")] = 1,
) -> None:
    """Run the tests, on real PostgreSQL and NATS; what follows is passed to pytest."""
    if mutants or mutants_of:
        from ssenet.development.mutants.run import how_many, run_mutants

        raise typer.Exit(run_mutants(how_many(context.args), seed=mutant_seed, of=mutants_of))
    from ssenet.development.run_tests import run_tests

    run_tests(context.args)


def check() -> None:
    """Check everything that can be checked without running it; exits with 1 if anything failed."""
    from ssenet.development.checks.run import run_checks

    raise typer.Exit(run_checks())


def bench(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="relay|apply|flow|peers|trace|recovery", help="Which to take. (default: all)"),
    ] = None,
    *,
    json: JsonOption = False,
    quick: Annotated[bool, typer.Option("--quick", help="Tiny runs that show that all works.")] = False,
) -> None:
    """Measure the backbone against floors taken in the same run; exits with 1 when a goal is missed.

    Each benchmark starts servers of its own and takes minutes; leave the machine alone meanwhile. What each
    measures, and the figures so far, stand in benchmarks/README.md.
    """
    from ssenet.development.run_benchmarks import run_benchmarks

    run_benchmarks(names or [], json=json, quick=quick)
