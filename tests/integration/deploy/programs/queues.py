"""Stands in the place of services.queues."""

from tests.integration.deploy.programs.echo import run

if __name__ == "__main__":
    run("queues")
