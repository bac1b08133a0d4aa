"""What becomes of a consent: who must sign, what they answered, and the state that follows."""
