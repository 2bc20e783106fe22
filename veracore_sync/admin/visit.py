"""Who looks at a page, when, and what of: what every page is given."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import quote, urlencode, urlsplit

from veracore_sync import __version__
from veracore_sync.admin.access import Role
from veracore_sync.config import Settings

REFRESH_SECONDS = 60
"""How often a page looks again by itself, for whoever wants that."""
_API = "/admin-api"
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Place:
    """Which shop and warehouse a page is about.

    Args:
        shop: The shop's host.
        warehouse: VeraCore's company and host.
        dashboard: The address of Vendure's dashboard; empty: unknown.
    """

    shop: str = ""
    warehouse: str = ""
    dashboard: str = ""

    def order_link(self, vendure_id: str) -> str:
        """The address of an order in the dashboard; empty: unknown."""
        return f"{self.dashboard}/orders/{quote(vendure_id, safe='')}" if self.dashboard else ""


def place_of(settings: Settings) -> Place:
    """The place that the settings name."""
    api, veracore = settings.vendure.admin_api_url, settings.veracore
    beside = f"{api.removesuffix(_API)}/dashboard" if api.endswith(_API) else ""
    return Place(
        urlsplit(api).netloc,
        f"{veracore.company_id} at {urlsplit(veracore.api_url).netloc}",
        settings.admin.dashboard_url or beside,
    )


@dataclass(frozen=True, slots=True)
class Visit:
    """Who looks at a page, and of which shop.

    Args:
        csrf_token: The session's.
        role: What the session may do at this shop.
        shop: The shop's name; empty for the only shop, and for the page of all.
        several: Whether the server has several shops.
        now: The time (UTC).
        place: Of the shop.
        path: The page's path below the shop's, and the parameters that make it this page.
        refreshes: Whether the page looks again by itself.
    """

    csrf_token: str
    role: Role = "read"
    shop: str = ""
    several: bool = False
    now: datetime = _NEVER
    place: Place | None = None
    path: str = "/"
    parameters: tuple[tuple[str, str], ...] = ()
    refreshes: bool = False

    @property
    def may_act(self) -> bool:
        """Whether forms that act are shown."""
        return self.role == "act"

    @property
    def base(self) -> str:
        """What the paths of the shop begin with, if there are several."""
        return f"/shops/{quote(self.shop)}" if self.shop else ""

    @property
    def version(self) -> str:
        """The program's."""
        return __version__

    def here(self, *, refreshes: bool) -> str:
        """The address of this page, which looks again by itself or not."""
        given = [*self.parameters, *([("refresh", "on")] if refreshes else [])]
        return f"{self.base}{self.path}{'?' if given else ''}{urlencode(given)}"
