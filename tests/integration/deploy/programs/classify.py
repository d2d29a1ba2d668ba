"""Stands in the place of services.classify."""

from tests.integration.deploy.programs.echo import run

if __name__ == "__main__":
    run("classify")
