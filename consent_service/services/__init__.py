"""What can be done, one module a use case, and the ports each needs from the outside."""
