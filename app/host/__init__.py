"""The registry on its own machine: serving it, and the operator's commands. Above everything but the program itself."""
