from django.apps import AppConfig
from django.conf import settings

from providers import practice


class ProvidersConfig(AppConfig):
    name = "providers"
    verbose_name = "AI services"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        practice.configure(settings.DATA_DIR)
