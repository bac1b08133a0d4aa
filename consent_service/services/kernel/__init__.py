"""What every use case is handed and leaves behind: who asks, the clock, the log it writes to."""
