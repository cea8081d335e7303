"""There is always somebody who can administer the site."""

import pytest
from django.test import Client

from chimera_site.models import SiteRole, User


def change(client: Client, person: User, **fields: str) -> tuple[int, str]:
    sent = {"email": person.email, "display_name": person.display_name, "colour": "1", "is_active": "on"} | fields
    sent = {name: value for name, value in sent.items() if value}
    answer = client.post(f"/admin/chimera_site/user/{person.pk}/change/", sent)
    return answer.status_code, answer.content.decode()


@pytest.mark.parametrize("fields", [{"site_role": "member"}, {"site_role": "administrator", "is_active": ""}])
def test_the_last_administrator_stays_one(client: Client, adele: User, fields: dict[str, str]) -> None:
    client.force_login(adele)
    status, page = change(client, adele, **fields)
    assert status == 200
    assert "last administrator" in page
    adele.refresh_from_db()
    assert (adele.site_role, adele.is_active) == (SiteRole.ADMINISTRATOR, True)


def test_one_of_two_may_step_down(client: Client, adele: User, bob: User) -> None:
    User.objects.filter(pk=bob.pk).update(site_role=SiteRole.ADMINISTRATOR)
    client.force_login(adele)
    assert change(client, adele, site_role="member")[0] == 302
