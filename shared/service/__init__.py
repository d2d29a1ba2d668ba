"""How a process behaves: settings, configuration, HTTP, keys, health, telemetry, logs and its consumer thread."""
