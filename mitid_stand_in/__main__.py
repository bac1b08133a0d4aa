"""`python -m mitid_stand_in`: a test login for the demo, on this machine alone."""

from pathlib import Path

import click

from mitid_stand_in.server import NotLoopback, bind, load_people


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="A loopback address.")
@click.option("--port", type=int, required=True)
@click.option("--client-id", required=True)
@click.option("--client-secret", required=True)
@click.option("--redirect-uri", required=True, help="Exactly as the client sends it.")
@click.option(
    "--people",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    required=True,
    help='A JSON file: [{"cpr": …, "name": …, "description": …}, …].',
)
def main(
    host: str, port: int, client_id: str, client_secret: str, redirect_uri: str, people: Path
) -> None:
    """Log anyone in as one of the made-up people of a file. This is not MitID. Demo only."""
    try:
        server, issuer = bind(
            load_people(people), client_id, client_secret, redirect_uri, host=host, port=port
        )
    except NotLoopback as refused:
        raise click.UsageError(f"{refused}; this test login must not be reachable.") from None
    click.echo(f"Test login, not MitID, at {issuer}. Ctrl-C stops it.")
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        server.server_close()


if __name__ == "__main__":
    main()
