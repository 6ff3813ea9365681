"""How one department sees the registry: its spec, the closed expression language, the plan and its exact execution."""
