"""Small real programs in the place of the four services: the launcher is tested without their weight."""
