"""The operator's command: what runs elsewhere, seen and mended over HTTP."""
