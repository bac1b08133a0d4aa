"""What every rule speaks of: days and years, numbers, facts and how they are written down."""
