"""Webhooks of platforms, as updates of jobs. Pure: a delivery in, what it tells of which jobs out."""

from chef.hooks.delivery import Heard, HookDelivery, ended_by, make_id
from chef.hooks.platforms import PLATFORMS, HookPlatform
from chef.hooks.signatures import address_key

__all__ = ["PLATFORMS", "Heard", "HookDelivery", "HookPlatform", "address_key", "ended_by", "make_id"]
