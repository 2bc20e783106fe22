"""The checks of the network: how long both sides took, and whether their clocks agree with ours."""

from __future__ import annotations

from dataclasses import dataclass

from veracore_sync.jobs.doctor.finding import CheckResult, ok, warn

_SHARE = 4
_SKEW_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Met:
    """An upstream that answered.

    Args:
        name: ``Vendure`` or ``VeraCore``.
        took: Seconds until its first result.
        patience: Its ``timeout_seconds``.
        ahead: Seconds that its clock is ahead of ours; ``None`` if it sent no time.
    """

    name: str
    took: float
    patience: float
    ahead: float | None


def network(met: Met) -> CheckResult:
    """Whether an answer took so long that others may exceed the time limit."""
    setting = f"{met.name.lower()}.timeout_seconds"
    message = f"{met.name} answered within {met.took:.1f} s"
    if met.took * _SHARE < met.patience:
        return ok("network", message)
    return warn("network", f"{message}; {setting} allows {met.patience:g} s", f"raise {setting}")


def clocks(met: Met) -> CheckResult | None:
    """Whether its clock agrees with ours; ``None`` if it sent no time."""
    if met.ahead is None:
        return None
    way = "ahead of" if met.ahead > 0 else "behind"
    message = f"{met.name}'s clock is {abs(met.ahead):.0f} s {way} ours"
    if abs(met.ahead) <= _SKEW_SECONDS:
        return ok("clock", message)
    return warn(
        "clock",
        message,
        "set the clock that is wrong (`timedatectl` shows ours): webhooks are refused, and changes "
        "in the shop may be seen late",
    )
