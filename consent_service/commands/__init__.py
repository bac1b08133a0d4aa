"""Groups of `consent-service` commands, each in a module that `cli` registers."""
