"""Who is calling: bearer tokens of systems, and logins of signers through OpenID Connect."""
