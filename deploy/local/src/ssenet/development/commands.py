"""`test`, `check` and `bench`: what can be asked, and where it is done."""

from typing import Annotated

import typer

from ssenet.terminal.options import JsonOption


def test(context: typer.Context) -> None:
    """Run the tests, on real PostgreSQL and NATS; what follows is passed to pytest."""
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
