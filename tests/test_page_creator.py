"""The creator's ledger page: who sees what, and that it can be read by anyone, on anything."""

import shutil
import threading
from collections.abc import Iterator
from functools import partial
from itertools import pairwise
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from flask import Flask
from flask.testing import FlaskClient
from playwright.sync_api import Browser, Page, sync_playwright
from pydantic import SecretStr
from werkzeug.serving import make_server

from api import sheet
from ledger import creators, demo, disputes, links, policy, queries, readings, rules
from ledger.creators import AccountOf
from ledger.db import Database
from ledger.economy import DAY_US
from ledger.readings import Reading
from ledger.settings import Settings
from tests.api_fixtures import NOW_US, Clock, Holder, event
from tests.test_api_readings import reading

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-quic",
    "--disable-component-update",
    "--disable-sync",
]
WIDE, PHONE = 1280, 390


def token(app: Flask, creator_id: str, *, now_us: int = NOW_US) -> str:
    """The query that opens a creator's page as its owner."""
    settings = app.extensions["trust_ledger"].settings
    return links.sign_page_link(settings, creator_id, now_us=now_us).partition("?")[2]


# Who sees what


def test_a_public_page_is_anyones(client: FlaskClient, public_creator_id: str) -> None:
    """Without a key: name, meter, label; no statement."""
    answer = client.get("/c/grace")
    assert (answer.status_code, answer.mimetype) == (200, "text/html")
    assert "Grace" in answer.text
    assert 'class="number">0<' in answer.text
    assert "statement-heading" not in answer.text
    assert "noindex" not in answer.text


@pytest.mark.parametrize("path", ["/c/ada", "/c/nobody", "/c/00000000-0000-7000-8000-000000000000", "/c/ada?t=x"])
def test_a_private_page_is_not_there(client: FlaskClient, creator_id: str, path: str) -> None:
    """A private creator's page and one that never was look the same: a page that says so, with 404."""
    answer = client.get(path)
    assert (answer.status_code, answer.mimetype) == (404, "text/html")
    assert "There is no page here" in answer.text
    assert client.get("/c").text == client.get("/c/").text == client.get("/c/never-was").text
    query = path.partition("?")[2]
    assert answer.text == client.get(f"/c/never-was?{query}").text
    assert ("this link has ended" in answer.text) == bool(query)


def test_the_owners_link_opens_everything(app: Flask, client: FlaskClient, partner: Holder, creator_id: str) -> None:
    """With the signed link a private page is there, with each line's reason; it is not to be indexed."""
    assert partner.post("/v1/events", json=event(kind="breach", facts={"severity": 4})).status_code == 201
    answer = client.get(f"/c/ada?{token(app, creator_id)}")
    assert answer.status_code == 200
    assert "A grave breach of trust, substantiated. Lost until you own it." in answer.text
    assert "In the red by 17.50" in answer.text
    assert "It works until 23 December 2026" in answer.text
    assert "noindex" in answer.text
    assert client.get(f"/c/{creator_id}?{token(app, creator_id)}").status_code == 200


def test_a_link_opens_one_page_for_thirty_days(
    app: Flask, client: FlaskClient, clock: Clock, creator_id: str, public_creator_id: str
) -> None:
    """Another creator's link, a tampered one and one of last month open nothing."""
    good = token(app, creator_id)
    assert client.get(f"/c/ada?{token(app, public_creator_id)}").status_code == 404
    assert client.get(f"/c/ada?{good}x").status_code == 404
    clock.pass_days(29.9)
    assert client.get(f"/c/ada?{good}").status_code == 200
    clock.pass_days(0.2)
    assert client.get(f"/c/ada?{good}").status_code == 404


def test_each_network_has_its_tab(client: FlaskClient, books: Database) -> None:
    """Where a creator has several books, each is a link; the page says which one it shows."""
    accounts = [AccountOf("tiktok", "t", 5), AccountOf("youtube", "y", 7)]
    told = {"display_name": "Two", "handle": "two", "visibility": "public", "accounts": accounts}
    books.write(lambda s: creators.enrol(s, consent_at_us=1, enrolled_by="acme", now_us=1, **told))  # type: ignore[arg-type]
    text = client.get("/c/two?meter=network:youtube").text
    assert '<a href="?meter=network:tiktok">tiktok</a>' in text
    assert '<a href="?meter=network:youtube" aria-current="page">youtube</a>' in text
    assert client.get("/c/two?meter=network:x").status_code == 404


def test_names_are_written_not_run(client: FlaskClient, books: Database) -> None:
    """Whatever a creator is called, the page shows it as text."""
    told: dict[str, Any] = {"display_name": "<script>x</script>", "handle": "evil", "visibility": "public"}
    accounts = [AccountOf("youtube", "evil")]
    told_too: dict[str, Any] = {"accounts": accounts, "consent_at_us": 1, "enrolled_by": "a", "now_us": 1}
    books.write(lambda s: creators.enrol(s, **told, **told_too))
    answer = client.get("/c/evil")
    assert "<script" not in answer.text
    assert "style-src 'self'" in answer.headers["Content-Security-Policy"]


def test_a_statement_goes_on_over_pages(app: Flask, client: FlaskClient, partner: Holder, creator_id: str) -> None:
    """After 400 lines a link leads to the older ones, and back."""
    many = [event(f"p-{number}", kind="post", facts={}) for number in range(405)]
    assert partner.post("/v1/events/batch", json=many).status_code == 200
    opened = token(app, creator_id)
    assert "before=6#" in client.get(f"/c/ada?{opened}").text
    older = client.get(f"/c/ada?{opened}&before=6").text
    assert "5 ordinary posts" in older
    assert "Newest lines" in older


def test_a_link_that_ended_says_so_on_a_public_page(client: FlaskClient, public_creator_id: str) -> None:
    """An owner with an old link sees why the statement is not there, and whom to ask."""
    assert "This link has ended; ask for a new one." in client.get("/c/grace?t=x").text
    assert "This link has ended" not in client.get("/c/grace").text


# Measuring sticks


def test_sticks_are_drawn_beside_trust(client: FlaskClient, partner: Holder, public_creator_id: str) -> None:
    """Trust, score, influence and each outside stick, on scales of their own, for everyone; without names."""
    facts = {"act": "reply", "engager": "fan-1"}
    assert partner.post("/v1/events", json=event(creator="youtube:grace", facts=facts)).status_code == 201
    told = [reading(value="-0.5", low="-5", read_at=f"2026-11-{day:02d}T08:00:00Z") for day in (1, 20)]
    assert partner.put("/v1/creators/youtube:grace/readings", json={"readings": told}).status_code == 200
    text = client.get("/c/grace").text
    assert text.count('<svg class="small"') == 4
    assert "Trust: 5.00 on a scale from 0 to 5; standing on every network together." in text
    assert "Score, Klout-style: 2.6 on a scale from 1 to 100; bucket 1-9" in text
    assert "Influence, Kred-style: 216 on a scale from 1 to 1000; of 1000 · outreach level 1 of 12." in text
    assert "moz-da: \N{MINUS SIGN}0.5 on a scale from \N{MINUS SIGN}5 to 100; read 20 November 2026" in text
    assert text.count('<circle class="dot"') == 2
    assert "<td>A reply</td><td>audience</td>" in text
    assert "fan-1" not in text


def test_without_anything_to_measure_there_are_no_sticks(client: FlaskClient, public_creator_id: str) -> None:
    """An empty book without outside readings shows none."""
    assert "sticks-heading" not in client.get("/c/grace").text


# Contesting a line


def contest_form(app: Flask, creator_id: str, **changes: str) -> dict[str, str]:
    """What the form of Ada's first line sends."""
    opened = token(app, creator_id).removeprefix("t=")
    told = {"t": opened, "meter": "network:youtube", "seq": "1", "reason": "It was not so.\r\n I can show it."}
    return told | changes


def test_the_owner_contests_a_line_on_the_page(
    app: Flask, client: FlaskClient, partner: Holder, creator: Holder, creator_id: str
) -> None:
    """A link at the line leads to a form, which leads back to the line; it shows where the dispute stands."""
    assert partner.post("/v1/events", json=event(kind="breach", facts={"severity": 1})).status_code == 201
    form = contest_form(app, creator_id)
    address = f"/c/ada/contest?t={form['t']}&amp;meter=network:youtube&amp;seq=1"
    assert address in client.get(f"/c/ada?t={form['t']}").text
    shown = client.get(address.replace("&amp;", "&"))
    assert (shown.status_code, shown.headers["Cache-Control"]) == (200, "private, no-cache")
    assert "A slight breach of trust" in shown.text
    sent = client.post("/c/ada/contest", data=form)
    assert (sent.status_code, sent.headers["Location"].partition("#")[2]) == (303, "line-1")
    text = client.get(sent.headers["Location"]).text
    assert "Contested</strong> on 23 November 2026: It was not so. I can show it." in text
    assert "Contest line 1" not in text
    (dispute,) = creator.get("/v1/disputes").json["disputes"]
    verdict = {"verdict": "rejected", "reason": "It <was>."}
    assert partner.post(f"/v1/disputes/{dispute['dispute']}/resolve", json=verdict).status_code == 200
    text = client.get(sent.headers["Location"]).text
    assert "Contested, and rejected" in text
    assert "Decided by acme on 23 November 2026: It &lt;was&gt;." in text
    assert "Contest line 1" in text


def test_a_form_says_what_is_wrong(app: Flask, client: FlaskClient, partner: Holder, creator_id: str) -> None:
    """Without a reason, and with another one while the first is open; what was written stays in the form."""
    assert partner.post("/v1/events", json=event(kind="breach", facts={"severity": 1})).status_code == 201
    empty = client.post("/c/ada/contest", data=contest_form(app, creator_id, reason=" "))
    assert (empty.status_code, empty.text.count('role="alert"')) == (422, 1)
    long = client.post("/c/ada/contest", data=contest_form(app, creator_id, reason="x" * 2_001))
    assert long.status_code == 422
    assert client.post("/c/ada/contest", data=contest_form(app, creator_id)).status_code == 303
    other = client.post("/c/ada/contest", data=contest_form(app, creator_id, reason="<b>Another</b>"))
    assert other.status_code == 409
    assert "line 1 is contested already" in other.text
    assert "&lt;b&gt;Another&lt;/b&gt;</textarea>" in other.text


def test_only_the_owners_own_form_contests(
    app: Flask, client: FlaskClient, partner: Holder, creator: Holder, creator_id: str, public_creator_id: str
) -> None:
    """Without the owner's token, with another's, from another site, or about no line there is no such page."""
    assert partner.post("/v1/events", json=event(kind="breach", facts={"severity": 1})).status_code == 201
    foreign = token(app, public_creator_id).removeprefix("t=")
    wrong = [{"t": ""}, {"t": foreign}, {"seq": "9"}, {"seq": "x"}, {"meter": "network:tiktok"}]
    sent = [client.post("/c/ada/contest", data=contest_form(app, creator_id, **changes)) for changes in wrong]
    cross = {"Sec-Fetch-Site": "cross-site"}
    sent.append(client.post("/c/ada/contest", data=contest_form(app, creator_id), headers=cross))
    sent.append(client.post("/c/ada/contest"))
    sent.append(client.get("/c/ada/contest?meter=network:youtube&seq=1"))
    sent.append(client.post("/c/grace/contest", data=contest_form(app, creator_id)))
    assert [answer.status_code for answer in sent] == [404] * 9
    assert creator.get("/v1/disputes").json["disputes"] == []


@pytest.mark.parametrize("changes", [{"seq": "9"}, {"seq": "x"}, {"meter": "network:tiktok"}], ids=str)
def test_a_good_link_with_no_such_line_says_so(
    app: Flask, client: FlaskClient, creator_id: str, changes: dict[str, str]
) -> None:
    """The owner is not told that their link has ended, and is led back to their statement."""
    form = contest_form(app, creator_id, **changes)
    for answer in (client.post("/c/ada/contest", data=form), client.get("/c/ada/contest", query_string=form)):
        assert answer.status_code == 404
        assert "There is no such line in this book" in answer.text
        assert "has ended" not in answer.text
        assert f'href="/c/ada?t={form["t"]}"' in answer.text
    ended = client.get("/c/ada/contest", query_string={**form, "t": "x"})
    assert "has ended" in ended.text


def test_a_contested_line_is_not_folded_away(
    app: Flask, client: FlaskClient, partner: Holder, creator: Holder, creator_id: str
) -> None:
    """An act among the routine of its day has a row of its own once it is contested."""
    many = [event(f"e-{n}", facts={"act": "reply", "engager": f"fan-{n}"}) for n in range(3)]
    assert partner.post("/v1/events/batch", json=many).status_code == 200
    opened = token(app, creator_id)
    assert "3 acts of your audience" in client.get(f"/c/ada?{opened}").text
    contested = {"meter": "network:youtube", "seq": 2, "reason": "My own second account."}
    assert creator.post("/v1/disputes", json=contested).status_code == 201
    text = client.get(f"/c/ada?{opened}").text
    assert "3 acts of your audience" not in text
    assert 'class="row routine" id="line-2"' in text
    assert "My own second account." in text


# Other addresses


def test_the_front_page_says_where_to_look(client: FlaskClient) -> None:
    """It leads to the API's page, and every page leads to it; browsers find its mark."""
    front = client.get("/")
    assert (front.status_code, front.mimetype) == (200, "text/html")
    assert 'href="/docs"' in front.text
    assert all('<p class="wordmark"><a href="/">' in client.get(path).text for path in ("/", "/docs", "/c/nobody"))
    with client.get("/favicon.ico") as mark:
        assert (mark.status_code, mark.mimetype) == (200, "image/svg+xml")


@pytest.mark.parametrize(
    ("path", "accept", "mimetype"),
    [
        ("/nowhere", "text/html,*/*;q=0.8", "text/html"),
        ("/nowhere", "*/*", "application/problem+json"),
        ("/nowhere", "application/json", "application/problem+json"),
        ("/v1/nowhere", "text/html,*/*;q=0.8", "application/problem+json"),
    ],
)
def test_an_address_that_leads_nowhere(client: FlaskClient, path: str, accept: str, mimetype: str) -> None:
    """A browser is told on a page, a program by a problem; in the API it is always a problem."""
    answer = client.get(path, headers={"Accept": accept})
    assert (answer.status_code, answer.mimetype) == (404, mimetype)


# Words


@pytest.mark.parametrize(
    ("micros", "told"),
    [(0, "0.00"), (1_234_567_890, "+1,234.57"), (-500_000, "\N{MINUS SIGN}0.50"), (1_234, "+0.0012")],
)
def test_changes_carry_their_sign(micros: int, told: str) -> None:
    """A true minus, a plus, and as many places as it takes not to vanish."""
    assert sheet.signed(micros) == told


@pytest.mark.parametrize(
    ("first", "last", "told"),
    [
        (20_780, 20_780, "23 Nov 2026"),
        (20_778, 20_780, "21\N{EN DASH}23 Nov 2026"),
        (20_750, 20_780, "24 Oct \N{EN DASH} 23 Nov 2026"),
    ],
)
def test_days_are_said_shortly(first: int, last: int, told: str) -> None:
    """One day, days of a month, days of two."""
    assert sheet.short_days(first, last) == told


def test_no_amount_is_cut_off() -> None:
    """Amounts, shares and points are rounded half up, as the exact strings of the API would be by hand."""
    assert (sheet.amount(125_000), sheet.amount(-125_000)) == ("0.13", "\N{MINUS SIGN}0.13")
    assert sheet.percent(815_400) == "82\N{NO-BREAK SPACE}%"
    assert sheet.whole(68_530_000) == 69


def test_rows_of_a_statement_share_no_days(app: Flask, books: Database) -> None:
    """Folds cover days of their own: only a day on which more happened than routine has several rows."""
    schedule = policy.Schedule.of(policy.builtin())
    told = {"now_us": NOW_US, "pepper": b"p", "schedule": schedule}
    books.write(lambda session: demo.plant(session, demo.INES, **told))  # type: ignore[arg-type]
    creator_id = books.read(partial(creators.by_handle, handle="ines-fixes"))
    asked = {"creator_id": creator_id, "meter": "network:video", "limit": 400, "schedule": schedule}
    rows = sheet.rows(books.read(lambda reader: queries.statement(reader, **asked)))  # type: ignore[arg-type]
    shared = [(newer, older) for newer, older in pairwise(rows) if newer.days[0] <= older.days[1]]
    assert any(row.kind == "evasion" for row in rows)
    assert all(len({*newer.days, *older.days}) == 1 for newer, older in shared)


# What is said of the books


def test_what_happened_is_told_apart(addresses: dict[str, str], browser: Browser) -> None:
    """A cleared breach is drawn hollow and counted beside the record; an evasive answer has a mark of its own."""
    page = opened(browser, addresses["cleared"], width=WIDE, scheme="light")
    assert page.locator(".chart:visible .spot.void").count() == 1
    assert page.locator(".record").inner_text().count("1, and 1 cleared") == 1
    page.goto(addresses["evaded"])
    assert page.locator(".chart:visible .spot.evasion").count() == 1
    assert "evasive answer" in page.locator(".legend").inner_text()
    page.context.close()


def test_owning_a_breach_late_is_told_for_what_it_is_worth(addresses: dict[str, str], browser: Browser) -> None:
    """76 days later an apology wins back 6 % of what is left, and says that it was 60 % at first."""
    page = opened(browser, addresses["evaded"], width=WIDE, scheme="light")
    told = page.locator(".todo").inner_text().replace("\N{NO-BREAK SPACE}", " ")
    assert "Apologise today and it wins back at most" in told
    assert "6 % of the" in told
    assert "In the first 3 days it was 60 %." in told
    page.context.close()


def test_whoever_pitches_too_much_is_told_to_stop(addresses: dict[str, str], browser: Browser) -> None:
    """What brings trust back begins, for the overstretched, with not pitching."""
    page = opened(browser, addresses["sold"], width=WIDE, scheme="light")
    assert page.locator(".back h3").first.inner_text() == "Stop pitching for now"
    page.context.close()


def test_changes_of_a_label_are_named_on_the_chart(addresses: dict[str, str], browser: Browser) -> None:
    """A creator who sold out: each change has its line, and the last one its name, on a phone as well."""
    for width in (WIDE, PHONE):
        page = opened(browser, addresses["sold"], width=width, scheme="light")
        drawn = page.locator(".chart:visible")
        assert drawn.locator(".flag").count() == 4
        assert drawn.locator(".flag-text").last.text_content() == "sellout"
        told = drawn.locator("desc").text_content() or ""
        assert "The label changed 4 times, last from stretched to sellout on" in told
        assert "the label changed" in page.locator(".legend").inner_text()
        page.context.close()


def test_an_empty_book_claims_nothing(client: FlaskClient, public_creator_id: str) -> None:
    """Before anything is known there is no reliability, and nothing to bring back."""
    text = client.get("/c/grace").text
    assert "<dt>Reliability</dt><dd>\N{EN DASH}</dd>" in text
    assert "What builds trust" in text
    assert "Nothing is known yet." in text


# In a browser


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium, as the system has it."""
    if CHROMIUM is None:
        pytest.skip("no chromium on the PATH")
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield launched
        launched.close()


@pytest.fixture(scope="module")
def addresses(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The pages of a server with the made-up story of the demonstration, by what there is to see on them."""
    from api import create_app
    from ledger import db

    url = f"sqlite:///{tmp_path_factory.mktemp('page') / 'ledger.sqlite3'}"
    db.migrate(url)
    settings = Settings(database_url=url, pepper=SecretStr("pepper"), signing_key=SecretStr("key"))
    app = create_app(settings)
    ledger = app.extensions["trust_ledger"]
    ledger.clock = Clock()
    told = plant(ledger.database)
    embellish(ledger.database, told["wen-by-the-sea"])
    server = make_server("127.0.0.1", 0, app, threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    root = f"http://127.0.0.1:{server.port}"
    whole = {name: f"{root}/c/{name}?{token(app, creator_id)}" for name, creator_id in told.items()}
    yield {
        "public": f"{root}/c/mara-bakes",
        "owner": whole["wen-by-the-sea"],
        "empty": f"{root}/c/lio-draws",
        "red": whole["deep-red"],
        "lost": f"{root}/c/wen-by-the-sea",
        "front": f"{root}/",
        "cleared": f"{root}/c/juno-plays",
        "cleared_owner": whole["juno-plays"],
        "evaded": f"{root}/c/ines-fixes",
        "sold": f"{root}/c/tobi-trails",
        "brands": whole["mara-bakes"],
        "brand": f"{whole['mara-bakes']}&meter=brand:oat-and-rye",
        "contest": f"{whole['wen-by-the-sea'].replace('?', '/contest?')}&meter=network:photo&seq=2",
    }
    server.shutdown()
    ledger.database.dispose()


def plant(database: Database) -> dict[str, str]:
    """The creators of the demonstration, and one far in the red. Returns their ids by handle."""
    founding = policy.builtin()
    schedule = policy.Schedule.of(founding)
    database.write(lambda session: rules.install(session, founding, effective_day=0, now_us=1))
    grave = demo.Moment(40, "breach", {"severity": 4, "category": "fraud"}, "grave")
    fallen = demo.Told(AccountOf("photo", "red", 900), (demo.Stretch(30, 0.2, 0.5),), (grave,))
    red = demo.Story("deep-red", "Rae Down", (), (fallen,))
    stories = [demo.MARA, demo.WEN, demo.LIO, demo.JUNO, demo.INES, demo.TOBI, red]
    told = {"now_us": NOW_US, "pepper": b"p", "schedule": schedule}
    for story in stories:
        database.write(partial(demo.plant, story=story, **told))  # type: ignore[arg-type]
    return {one.handle: database.read(partial(creators.by_handle, handle=one.handle)) for one in stories}


def embellish(database: Database, creator_id: str) -> None:
    """Outside readings over half a year, and pitches that are contested, one of them in vain."""
    told = [
        Reading("moz-da", NOW_US - n * 20 * DAY_US, (64 - n) * 10**6, 10**6, 10**8, "its own page") for n in range(9)
    ]
    database.write(lambda session: readings.put(session, creator_id=creator_id, readings=told, now_us=NOW_US))
    asked = {"creator_id": creator_id, "meter": "network:photo", "limit": 2, "kind": "pitch"}
    schedule = policy.Schedule.of(policy.builtin())
    lines = database.read(lambda reader: queries.statement(reader, **asked, schedule=schedule))  # type: ignore[arg-type]
    made = None
    for line in lines:
        why = {"creator_id": creator_id, "meter": line.meter, "seq": line.seq, "reason": "Nobody paid for it. " * 9}
        made, _ = database.write(lambda session, why=why: disputes.contest(session, **why, now_us=NOW_US))  # type: ignore[misc]
    verdict = {"verdict": "rejected", "resolution": "The invoice is here.", "resolved_by": "acme", "pepper": b"p"}
    named = {"creator_id": creator_id, "dispute_id": made.dispute_id if made else "", "schedule": schedule}
    database.write(lambda s: disputes.resolve(s, **named, **verdict, clock=lambda: NOW_US))  # type: ignore[arg-type]


def opened(browser: Browser, url: str, *, width: int, scheme: Any) -> Page:
    """A page in a window of that width and theme. What it logs is kept in `page.console`."""
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page = context.new_page()
    page.set_default_timeout(20_000)
    page.goto(url)
    return page


SEEN = ["public", "owner", "brands", "brand", "sold", "empty", "red", "lost", "front", "contest"]


@pytest.mark.parametrize("seen", SEEN)
@pytest.mark.parametrize(("width", "scheme"), [(WIDE, "light"), (PHONE, "dark")])
def test_a_page_can_be_read_by_everyone(
    browser: Browser, addresses: dict[str, str], seen: str, width: int, scheme: str
) -> None:
    """axe finds nothing to complain of, in both themes, with every fold open; nothing is cut off at the side."""
    page = opened(browser, addresses[seen], width=width, scheme=scheme)
    page.evaluate("document.querySelectorAll('details').forEach(fold => fold.open = true)")
    found = Axe().run(page).response["violations"]
    assert [(one["id"], [node["html"][:90] for node in one["nodes"][:3]]) for one in found] == []
    assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") == 0
    page.context.close()


@pytest.mark.parametrize("seen", SEEN)
def test_a_page_fits_a_small_phone(browser: Browser, addresses: dict[str, str], seen: str) -> None:
    """At 320 pixels nothing runs over the edge."""
    page = opened(browser, addresses[seen], width=320, scheme="light")
    assert page.evaluate("document.documentElement.scrollWidth") == 320
    page.context.close()


def test_both_themes_are_different(browser: Browser, addresses: dict[str, str]) -> None:
    """The page follows the reader's theme."""
    colours = set()
    for scheme in ("light", "dark"):
        page = opened(browser, addresses["public"], width=WIDE, scheme=scheme)
        colours.add(page.evaluate("getComputedStyle(document.body).backgroundColor"))
        page.context.close()
    assert len(colours) == 2


def test_one_drawing_is_seen_at_each_width(browser: Browser, addresses: dict[str, str]) -> None:
    """A wide window gets the wide chart, a phone the narrow one, and neither both; pitches are marked on it."""
    for width, shown in ((WIDE, "wide"), (PHONE, "narrow")):
        page = opened(browser, addresses["owner"], width=width, scheme="light")
        assert page.locator(".chart:visible").get_attribute("class") == f"chart {shown}"
        assert page.locator(".chart:visible .spot.pitch").count() > 5
        assert page.locator(".chart:visible .spot.breach title").text_content() is not None
        page.context.close()


def test_a_page_needs_no_script_and_breaks_no_rule_of_its_own(browser: Browser, addresses: dict[str, str]) -> None:
    """Nothing is refused by the content policy, and there is no script to run."""
    context = browser.new_context()
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.goto(addresses["owner"])
    assert complaints == []
    assert page.locator("script").count() == 0
    context.close()


def test_a_line_is_contested_without_script(browser: Browser, addresses: dict[str, str]) -> None:
    """In a browser that runs no script: link, form, an empty one held back, sent, and the mark is at the line."""
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.set_default_timeout(20_000)
    page.goto(addresses["cleared_owner"])
    page.locator(".statement > tbody > tr > .what > .no > .contest-link").first.click()
    page.get_by_role("button", name="Contest this line").click()
    assert "/contest?" in page.url
    page.get_by_label("Why is this line wrong?").fill("It was another one's.\nTruly.")
    page.get_by_role("button", name="Contest this line").click()
    number = page.url.partition("#line-")[2]
    assert "It was another one's. Truly." in page.locator(f"#line-{number} .contested.open").inner_text()
    context.close()


def test_the_day_of_the_story_is_the_clocks() -> None:
    """The tests of this page stand on 23 November 2026."""
    assert sheet.spoken_day(NOW_US // DAY_US) == "23 November 2026"
