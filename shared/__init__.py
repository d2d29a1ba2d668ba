"""What two or more services use today; no business rule lives here."""
