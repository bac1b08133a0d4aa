"""Names of people and organisations turn nothing around them: each is an element of its own."""

from tests.deployment import Deployment
from tests.web.family import Signer, links


def test_a_name_is_still_escaped(small_home: Deployment) -> None:
    child = small_home.request_body()["child"] | {"name": "<i>Alma</i> & Co"}
    asked = small_home.ask(child=child)
    mette = Signer(small_home)
    html = mette.arrive(links(asked)["Mette Mor"]).get_data(as_text=True)
    assert "<bdi>&lt;i&gt;Alma&lt;/i&gt; &amp; Co</bdi>" in html
    assert "<i>" not in html
