"""The site's daily spending limit, in force from the first key on."""

from django.conf import settings
from django.db import migrations


def add_stop_line(apps, schema_editor):
    allowance = apps.get_model("providers", "Allowance")
    allowance.objects.get_or_create(site=True, period="day", defaults={"money_limit": settings.STOP_LINE})


class Migration(migrations.Migration):
    dependencies = [("providers", "0001_initial")]

    operations = [migrations.RunPython(add_stop_line, migrations.RunPython.noop)]
