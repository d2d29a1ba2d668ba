"""`python -m services.classify` runs the service; `train`, `explain` and others are the offline commands."""

import typer

from services.classify.commands import cli


@cli.callback(invoke_without_command=True, help=__doc__)
def serve(context: typer.Context) -> None:
    """Consume received posts and answer HTTP until SIGTERM."""
    if context.invoked_subcommand is None:
        from services.classify.app import main  # noqa: PLC0415  # training needs no broker, serving no training

        main()


if __name__ == "__main__":
    cli()
