"""What a person can demand, over HTTP."""
