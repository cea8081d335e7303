from django.apps import AppConfig


class SiteConfig(AppConfig):
    name = "chimera_site"
    verbose_name = "Chimera"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from chimera_site import checks  # noqa: F401  (registers the start-up checks)
