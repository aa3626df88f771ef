"""The kinds of targets, by the scheme of their URLs, and the channels of all that are set."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from chef.outbox import apprises, discord, mattermost, ntfy, slack, statuses, webhooks
from chef.outbox.channel import NotifyChannel
from chef.settings.checks import Wrong
from chef.settings.config import SettingError, Settings
from chef.settings.notify import NotifyTarget, wrong_target

MakeChannel = Callable[[NotifyTarget, Settings], NotifyChannel]
"""Makes the channel of a target. Raises `Wrong`, whose text says what is wrong without the target."""

# What stands before a `+` alone counts: `apprise+tgram`.
_BY_SCHEME: dict[str, MakeChannel] = {
    "https": webhooks.make,
    "http": webhooks.make,
    "ntfy": ntfy.make,
    "ntfys": ntfy.make,
    "slack": slack.make,
    "discord": discord.make,
    "mattermost": mattermost.make,
    "apprise": apprises.make,
}
_OTHERS: tuple[Callable[[Settings], Sequence[NotifyChannel]], ...] = (statuses.make,)
"""Made from other settings, where those are set. They raise `SettingError`."""


def make_channels(settings: Settings) -> tuple[NotifyChannel, ...]:
    """The channels of the settings. Raises `SettingError`."""
    of_targets = [_make(number, target, settings) for number, target in enumerate(settings.notify, 1)]
    others = [channel for make in _OTHERS for channel in make(settings)]
    return (*of_targets, *others)


def _make(number: int, target: NotifyTarget, settings: Settings) -> NotifyChannel:
    make = _BY_SCHEME.get(target.scheme.partition("+")[0])
    try:
        if make is None:
            raise Wrong(f"must begin with one of {', '.join(f'{name}://' for name in _BY_SCHEME)}")
        return make(target, settings)
    except Wrong as wrong:
        raise SettingError("CHEF_NOTIFY", str(wrong_target(number, target, str(wrong)))) from None
