"""A command runs where nothing is known but what it uses: nobody logs in to it."""

import pytest
from click.testing import CliRunner

from consent_service.cli import cli
from tests.deployment import Deployment

COMMANDS = [
    ["audit", "verify", "--workers", "1"],
    ["clients", "list"],
    ["purposes", "list"],
    ["categories", "list"],
    ["tokens", "issue", "--org", "gp-y", "--client", "journal", "--scope", "consents:read"],
    ["keys", "refill-employees", "{keys}"],
    ["keys", "prune", "{keys}", "--settle-seconds", "0"],
]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: " ".join(command[:2]))
def test_without_the_providers_settings(on_sqlite: Deployment, command: list[str]) -> None:
    settings = on_sqlite.settings
    on_sqlite.close()
    environment = {
        "CONSENT_DATABASE_URL": settings.database_url,
        "CONSENT_KEYS_FILE": str(settings.keys_file),
        "CONSENT_BASE_URL": settings.base_url,
        "CONSENT_LOG_ORIGIN": settings.log_origin,
    }
    arguments = [part.format(keys=settings.keys_file) for part in command]
    result = CliRunner(env=environment).invoke(cli, arguments)
    assert result.exit_code == 0, (result.output, result.exception)
