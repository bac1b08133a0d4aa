"""The keys of a deployment: read, renewed, changed; what they seal, and what is found by them."""
