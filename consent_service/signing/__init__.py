"""What is signed, and how: canonical JSON, keys, JWS, statements and seals. Bytes in, bytes out."""
