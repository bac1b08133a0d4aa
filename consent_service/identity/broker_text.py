"""A text that the signer approves in MitID, put into a request as each broker wants it.

MitID shows at most 130 characters (reference text), at the last step of the login.
"""

import json
from base64 import b64encode
from collections.abc import Mapping

from consent_service.identity.brokers import TextStyle
from consent_service.identity.openid_provider import LoginRefused

LONGEST_TEXT = 130


def with_text(parameters: Mapping[str, str], style: TextStyle, text: str) -> dict[str, str]:
    """The parameters with the text. Raises LoginRefused where the broker can show none."""
    if style == "none" or not 0 < len(text) <= LONGEST_TEXT:
        raise LoginRefused("text_not_supported", "This provider cannot show the text.")
    encoded = b64encode(text.encode()).decode()
    changed = dict(parameters)
    if style == "login_hint":
        hints = [changed.get("login_hint", ""), "action:approve", f"message:{encoded}"]
        changed["login_hint"] = " ".join(hint for hint in hints if hint)
    elif style == "idp_params":
        providers = json.loads(changed.get("idp_params", "{}"))
        shown = {"reference_text": encoded, "action_text": "APPROVE"}
        providers["mitid"] = {**providers.get("mitid", {}), **shown}
        changed["idp_params"] = json.dumps(providers, separators=(",", ":"))
    else:
        values = [changed.get("acr_values", ""), f"mitid_reference_text:{encoded}"]
        changed["acr_values"] = " ".join(value for value in values if value)
    return changed
