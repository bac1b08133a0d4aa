"""A stand-in for MitID on this machine alone: an OpenID provider for the demo and the tests.

It logs anyone in as any of the made-up people it was given. It is no part of the service: it is
in neither the wheel nor the image, and it listens on loopback addresses only.

    python -m mitid_stand_in --port 8001 --client-id demo --client-secret made-up \
        --redirect-uri http://127.0.0.1:8000/sign/return --people people.json
"""

from mitid_stand_in.provider import Config, Person, create_app
from mitid_stand_in.server import NotLoopback, load_people, running

__all__ = ["Config", "NotLoopback", "Person", "create_app", "load_people", "running"]
