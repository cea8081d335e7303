"""The site's own characters, to begin with."""

import unicodedata
from typing import Any

from django.db import migrations

from conversations.migrations._shipped_personas import SHIPPED_PERSONAS


def install(apps: Any, editor: Any) -> None:
    persona = apps.get_model("conversations", "Persona")
    for shipped in SHIPPED_PERSONAS:
        key = unicodedata.normalize("NFKC", shipped["name"]).casefold()
        if not persona.objects.filter(owner=None, name_key=key).exists():
            persona.objects.create(name_key=key, **shipped)


class Migration(migrations.Migration):
    dependencies = [("conversations", "0002_initial")]
    operations = [migrations.RunPython(install, migrations.RunPython.noop)]
