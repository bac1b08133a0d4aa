"""`python -m consent_verifier`."""

from consent_verifier.command import main

if __name__ == "__main__":
    main()
