"""Which role each page needs: every page of the real tree, by name."""

import pytest
from twisted.web.resource import Resource

from evenrack.region.http.access import Access
from evenrack.region.http.json_pages import JsonPage, Missing
from evenrack.region.http.pages import _Folder
from tests.region.http.api_process import api_process

pytestmark = pytest.mark.postgres

READING = {"GET", "HEAD"}
LOOK = {"GET": "viewer", "HEAD": "viewer"}
LOOK_AS_ADMIN = {"GET": "admin", "HEAD": "admin"}

OBJECTS = ("vlans", "subnets", "ranges", "reservations", "bmcs", "machines")

EXPECTED = {
    "/healthz": {"GET": None, "HEAD": None},
    "/readyz": {"GET": None, "HEAD": None},
    **{
        f"/api/v1/{path}": LOOK
        for path in (
            *("status", "problems", "problems/*", "events", "regions", "racks", "openapi.json"),
            "doctor",
            *(
                "racks/*/removal",
                "balance/history",
                "balance/plan",
                "dhcp",
                "dhcp/*",
                "dhcp/*/leases",
                "dhcp-plans",
                "dhcp-plans/*",
                "dhcp-plans/*/served",
                "orders/*",
            ),
        )
    },
    **{f"/api/v1/{noun}": {**LOOK, "POST": "operator"} for noun in (*OBJECTS, "orders")},
    **{
        f"/api/v1/{noun}/*": {**LOOK, "PATCH": "operator", "DELETE": "operator"} for noun in OBJECTS
    },
    **{
        f"/api/v1/{noun}/import": {"POST": "operator"}
        for noun in ("reservations", "bmcs", "machines")
    },
    "/api/v1/orders/*/cancel": {"POST": "operator"},
    "/api/v1/snippets": {**LOOK, "POST": "admin"},
    "/api/v1/snippets/*": {**LOOK, "PATCH": "admin", "DELETE": "admin"},
    "/api/v1/dhcp/*/reconfigure": {"POST": "operator"},
    "/api/v1/dhcp/*/pins": {**LOOK, "POST": "operator"},
    "/api/v1/dhcp/*/partner-down": {**LOOK_AS_ADMIN, "POST": "admin"},
    "/api/v1/balance/hold": {**LOOK, "POST": "operator", "DELETE": "operator"},
    "/api/v1/drains": LOOK,
    "/api/v1/drains/*": {**LOOK, "POST": "operator", "DELETE": "operator"},
    "/api/v1/leader/step-down": {"POST": "operator"},
    "/api/v1/audit": LOOK_AS_ADMIN,
    "/api/v1/tokens": {**LOOK_AS_ADMIN, "POST": "admin"},
    "/api/v1/tokens/*": {**LOOK_AS_ADMIN, "DELETE": "admin"},
    "/api/v1/enrolments": {**LOOK_AS_ADMIN, "POST": "admin"},
    "/api/v1/enrolments/*": {"DELETE": "admin"},
    "/api/v1/certificates": LOOK_AS_ADMIN,
    "/api/v1/certificates/*": {"DELETE": "admin"},
    "/api/v1/racks/*": {"DELETE": "admin"},
    "/api/v1/racks/*/interfaces": {**LOOK, "POST": "operator"},
    "/api/v1/racks/*/replacement": {**LOOK, "POST": "operator"},
    "/api/v1/authorities": {**LOOK_AS_ADMIN, "POST": "admin"},
    "/api/v1/authorities/*": {"POST": "admin", "DELETE": "admin"},
    "/api/v1/keys": LOOK_AS_ADMIN,
    "/api/v1/keys/*": {"POST": "admin"},
}


def pages_below(page, path=""):
    """Every page with its path; `*` stands for any name."""
    yield path or "/", page
    for name, child in page.children.items():
        yield from pages_below(child, f"{path}/{name.decode()}")
    if isinstance(page, JsonPage):
        assert type(page).getChild is JsonPage.getChild, f"{path}: say it with below= and each="
        if page.each is not None:
            yield from pages_below(page.each("x"), f"{path}/*")
    else:
        assert isinstance(page, _Folder | Missing), f"{path} is of a kind that this test knows not"


def roles_of(path, page):
    assert isinstance(page.access, Access), f"{path} does not say which role it needs"
    return {method: page.access.needed(method) for method in page.methods}


async def test_every_page_declares_the_role_that_it_needs(database_dsn):
    async with api_process(database_dsn) as api:
        pages = dict(pages_below(api.site.resource))
        found = {
            path: roles_of(path, page) for path, page in pages.items() if isinstance(page, JsonPage)
        }
        assert found == EXPECTED


def test_only_health_is_told_without_a_token_and_no_viewer_changes_anything():
    for path, roles in EXPECTED.items():
        for method, role in roles.items():
            assert (role is None) == (path in {"/healthz", "/readyz"})
            assert method in READING or role in {"operator", "admin"}


def test_a_page_that_forgot_its_role_makes_the_test_fail():
    with pytest.raises(AssertionError, match="does not say which role"):
        roles_of("/new", JsonPage(None))

    class Old(JsonPage):
        def getChild(self, path, request):
            return Resource()

    with pytest.raises(AssertionError, match="below= and each="):
        list(pages_below(Old(None)))
    with pytest.raises(AssertionError, match="this test knows not"):
        list(pages_below(Resource()))


async def test_a_page_that_forgot_its_role_is_for_admins_only(database_dsn):
    async with api_process(database_dsn) as api:

        async def answer(_query):
            return {}

        api.site.resource.putChild(b"forgotten", JsonPage(answer))
        for role in ("viewer", "operator"):
            token = await api.token(role, role)
            assert (await api("GET", "/forgotten", token=token)).status == 403
        assert (await api.locally("GET", "/forgotten")).status == 200
