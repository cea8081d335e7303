"""AI services, models, limits and the ledger in Django's own admin. Every write goes through an action."""

from providers.admin.ledger import AllowanceAdmin, BalanceAdmin, CallAdmin
from providers.admin.models import AIModelAdmin
from providers.admin.providers import ProviderAdmin

__all__ = ["AIModelAdmin", "AllowanceAdmin", "BalanceAdmin", "CallAdmin", "ProviderAdmin"]
