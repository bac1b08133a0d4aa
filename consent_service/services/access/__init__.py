"""Who may use the service: the systems that call it, and staff."""
