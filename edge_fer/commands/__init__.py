"""The commands of the runtime, a module each. Nothing heavy is imported before one runs."""
