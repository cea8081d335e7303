import pytest
from django.db import IntegrityError, transaction

from chimera_site import audit, log
from chimera_site.models import AuditEvent, SiteRole, User


def test_an_address_is_one_person_however_it_is_spelt(alice: User) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        User.objects.create_user("ALICE@Example.org", display_name="Another")
    assert User.objects.get_by_natural_key(" Alice@EXAMPLE.org ") == alice


def test_letters_outside_ascii_fold_alike_on_both_databases(db: None) -> None:
    User.objects.create_user("Ärger@example.org", display_name="Ä")
    with pytest.raises(IntegrityError), transaction.atomic():
        User.objects.create_user("ärger@example.org", display_name="ä")


def test_the_typed_address_is_kept(db: None) -> None:
    user = User.objects.create_user("Ada.L@Example.org", display_name="Ada")
    user.full_clean(exclude=["password"])
    user.save()
    assert User.objects.get(pk=user.pk).email == "Ada.L@Example.org"


def test_the_role_alone_makes_an_administrator(alice: User, adele: User) -> None:
    assert (alice.is_staff, alice.is_superuser) == (False, False)
    assert (adele.is_staff, adele.is_superuser) == (True, True)
    assert adele.has_perm("providers.add_providerconfig")
    alice.site_role = SiteRole.ADMINISTRATOR
    assert alice.is_staff


@pytest.mark.parametrize("fields", [{"site_role": "emperor"}, {"colour": 0}, {"colour": 13}])
def test_the_database_refuses_what_no_person_can_be(db: None, fields: dict[str, object]) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        User.objects.create_user("x@example.org", display_name="X", **fields)


def test_createsuperuser_makes_an_administrator(db: None) -> None:
    user = User.objects.create_superuser("root@example.org", "a long password", display_name="Root")
    assert user.is_administrator


def test_an_audit_event_tells_who_and_from_where(alice: User) -> None:
    token = log.client_address.set("192.0.2.7")
    try:
        audit.record("provider.key_saved", actor=alice, subject="OpenAI", after={"last4": "abcd"})
    finally:
        log.client_address.reset(token)
    event = AuditEvent.objects.get()
    assert (event.actor, event.actor_name, event.address) == (alice, "Alice", "192.0.2.7")
    assert (event.event, event.subject, event.after) == ("provider.key_saved", "OpenAI", {"last4": "abcd"})


def test_an_audit_event_has_no_way_to_change_or_go(alice: User) -> None:
    audit.record("x", actor=alice)
    event = AuditEvent.objects.get()
    for attempt in (
        event.save,
        event.delete,
        AuditEvent.objects.all().delete,
        lambda: AuditEvent.objects.update(event="y"),
    ):
        with pytest.raises(TypeError):
            attempt()
    assert AuditEvent.objects.get().event == "x"
