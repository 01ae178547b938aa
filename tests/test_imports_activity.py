"""A Mastodon archive becomes a creator's past: posts and answers come in, the rest is counted and passed over."""

import json
import multiprocessing
import os
import resource
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from ledger import activitystreams, creators, db
from ledger.creators import AccountOf
from ledger.formats import UnreadableFile
from ledger.imports import Agreed, Summary
from tests.test_imports import NOW_US, rows, run, told, wait_for

ADA, FRIEND = "https://social.example/users/ada", "https://other.example/users/friend"
PUBLIC = "https://www.w3.org/ns/activitystreams#Public"
AGREED = Agreed(NOW_US - 1_000_000, terms="terms of 2026", evidence="mail of 3 November")
THREAD = "tag:social.example,2025-06-01:objectId=1:objectType=Conversation"
BURIED = "<p>My <b>secret</b> sauce</p>"


def note(number: int, minute: int, **changes: Any) -> dict[str, Any]:
    """A Create of a Note as Mastodon archives one: a public post, unless changed."""
    at = f"2025-06-01T{10 + minute // 60:02}:{minute % 60:02}:00Z"
    said = {
        "id": f"{ADA}/statuses/{number}",
        "type": "Note",
        "summary": None,
        "inReplyTo": None,
        "published": at,
        "url": f"https://social.example/@ada/{number}",
        "attributedTo": ADA,
        "to": [PUBLIC],
        "cc": [f"{ADA}/followers"],
        "sensitive": False,
        "atomUri": f"{ADA}/statuses/{number}",
        "inReplyToAtomUri": None,
        "conversation": f"tag:social.example,2025-06-01:objectId={number}:objectType=Conversation",
        "content": BURIED,
        "contentMap": {"en": BURIED},
        "attachment": [
            {"type": "Document", "mediaType": "image/png", "url": "media_attachments/1.png", "name": "a cat"}
        ],
        "tag": [],
        "replies": {"id": f"{ADA}/statuses/{number}/replies", "type": "Collection", "first": {"items": []}},
        "likes": {"id": f"{ADA}/statuses/{number}/likes", "type": "Collection", "totalItems": 12},
    }
    said |= changes
    addressed = {"to": said["to"], "cc": said["cc"]}
    return {
        "id": f"{said['id']}/activity",
        "type": "Create",
        "actor": ADA,
        "published": at,
        **addressed,
        "object": said,
    }


def mention(href: str = FRIEND, name: str = "@friend@other.example") -> dict[str, str]:
    """The tag of somebody who is spoken to."""
    return {"type": "Mention", "href": href, "name": name}


def boost(number: int, minute: int, what: str, by: str = ADA) -> dict[str, Any]:
    """An Announce as Mastodon archives one."""
    return act("Announce", number, minute, what, by) | {"to": [PUBLIC], "cc": [f"{by}/followers"]}


def act(kind: str, number: int, minute: int, what: Any, by: str) -> dict[str, Any]:
    """Something that somebody did, with the address of what it was done to."""
    at = f"2025-06-01T{10 + minute // 60:02}:{minute % 60:02}:00Z"
    return {"id": f"{by}#acts/{kind}/{number}", "type": kind, "actor": by, "published": at, "object": what}


ANSWER = {"inReplyTo": f"{FRIEND}/statuses/9", "conversation": THREAD, "tag": [mention()]}
OUTBOX = [
    note(1, 0),
    note(2, 5, **ANSWER),
    note(3, 6, inReplyTo=f"{ADA}/statuses/1", conversation=THREAD),
    note(4, 7, **ANSWER | {"conversation": "tag:other.example:objectId=77"}),
    note(5, 8, to=[FRIEND], cc=[], tag=[mention()]),
    note(6, 9, to=[f"{ADA}/followers"], cc=[]),
    note(7, 10, tag=[{"type": "Hashtag", "name": "#Ad", "href": "https://social.example/tags/ad"}]),
    note(8, 11, type="Question", oneOf=[{"type": "Note", "name": "yes"}]),
    boost(9, 12, f"{FRIEND}/statuses/3"),
    note(10, 13, to=[f"{ADA}/followers"], cc=[PUBLIC]),
]
IGNORED = {
    "parts of a thread of the creator's own": 1,
    "answers elsewhere than under the creator's posts": 1,
    "messages to some people only": 1,
    "posts tagged as sponsored: tell them as pitches, with their brand": 1,
    "Announce by the creator": 1,
}


def archive(folder: Path, items: list[Any], **more: Any) -> Path:
    """An outbox.json as Mastodon writes it."""
    head = {
        "@context": ["https://www.w3.org/ns/activitystreams", {"ostatus": "http://ostatus.org#"}],
        "id": "outbox.json",
    }
    path = folder / "outbox.json"
    path.write_text(
        json.dumps({**head, "type": "OrderedCollection", "totalItems": len(items), "orderedItems": items} | more)
    )
    return path


def bring(database: db.Database, path: Path, *, actor: str = "", **given: Any) -> Summary:
    """Import it as Ada's past."""
    known = activitystreams.activities(network="mastodon", external_id="ada@social.example", actor=actor)
    return run(database, path, format=known, **({"agreed": AGREED} | given))


def acts(database: db.Database) -> list[tuple[str, str]]:
    """What came of it: kind and act, in the order of time."""
    found = rows(database, "SELECT kind, facts FROM event ORDER BY occurred_at_us")
    return [(kind, json.loads(facts).get("act", "")) for kind, facts in found]


def test_an_outbox_becomes_posts_and_answers(database: db.Database, tmp_path: Path) -> None:
    """Posts for everyone or for all followers count as posts, answers under them as answers; all else is named."""
    summary = bring(database, archive(tmp_path, OUTBOX))
    assert summary == told(lines=10, posted=5, ignored=IGNORED)
    assert acts(database) == [("post", ""), ("engagement", "answer"), ("post", ""), ("post", ""), ("post", "")]
    assert rows(database, "SELECT network, external_id FROM account") == [("mastodon", "ada@social.example")]


def test_no_text_is_kept_and_nobody_is_named(database: db.Database, tmp_path: Path) -> None:
    """Of what was written, and to whom, nothing is in the database but keyed hashes."""
    bring(database, archive(tmp_path, OUTBOX))
    kept = str([rows(database, f"SELECT * FROM {table}") for table in ("event", "entry", "tie", "profile", "consent")])
    assert not any(word in kept for word in ("secret", "sauce", "friend", "statuses", "a cat", "tag:"))


def test_whoever_is_answered_is_known_by_the_name_that_partners_tell(database: db.Database, tmp_path: Path) -> None:
    """The tie is that of name@host, so that it is one with what is told of the same person over HTTP."""
    from ledger import events

    bring(database, archive(tmp_path, OUTBOX))
    assert rows(database, "SELECT engager FROM tie") == [(events.seal(b"p", "friend@other.example"),)]


@pytest.mark.parametrize(
    ("address", "name"),
    [
        (FRIEND, "friend@other.example"),
        ("https://other.example/@friend", "friend@other.example"),
        ("https://other.example/ap/users/1153", "https://other.example/ap/users/1153"),
        ("https://video.example/accounts/kim", "https://video.example/accounts/kim"),
    ],
)
def test_an_address_is_a_name_where_it_is_told_as_usual(address: str, name: str) -> None:
    """People whose address says nothing of their name are known by their address."""
    assert activitystreams.person(address) == name


def test_an_answer_names_whom_it_is_to(sqlite_url: str, tmp_path: Path) -> None:
    """Of several who are spoken to it is the one whose post is answered; where that is not told, nobody is guessed."""
    database = db.Database(sqlite_url)
    others = [mention(), mention("https://third.example/users/kim", "@kim@third.example")]
    unclear = "https://other.example/objects/5"
    items = [
        note(1, 0),
        note(2, 5, **ANSWER | {"tag": others}),
        note(3, 6, **ANSWER | {"tag": others, "inReplyTo": unclear}),
    ]
    summary = bring(database, archive(tmp_path, items))
    assert summary == told(lines=3, posted=2, ignored={"answers to somebody whom they do not name": 1})
    database.dispose()


def test_likes_of_an_archive_are_nobodys_engagement(database: db.Database, tmp_path: Path) -> None:
    """likes.json holds what the creator liked, without when: it is counted, and nothing is made of it."""
    likes = [f"{FRIEND}/statuses/{n}" for n in range(4)]
    path = archive(tmp_path, likes, id="likes.json")
    ignored = {"references without an act, as in likes.json and bookmarks.json": 4}
    assert bring(database, path) == told(lines=4, ignored=ignored)
    assert rows(database, "SELECT count(*) FROM creator") == [(0,)]


def test_what_others_did_with_the_creators_posts_is_engagement(database: db.Database, tmp_path: Path) -> None:
    """In a collection of several people's acts, those towards the creator count, by what they were."""
    reply = note(50, 25, id=f"{FRIEND}/statuses/50", inReplyTo=f"{ADA}/statuses/1") | {"actor": FRIEND, "id": "urn:r"}
    items = [
        note(1, 0),
        act("Like", 1, 20, f"{ADA}/statuses/1", FRIEND),
        boost(2, 21, f"{ADA}/statuses/1", by=FRIEND),
        act("Follow", 3, 22, ADA, FRIEND),
        act("Like", 4, 23, {"id": f"{ADA}/statuses/1", "type": "Note"}, "https://third.example/users/kim"),
        reply,
        act("Like", 5, 26, "https://third.example/users/kim/statuses/1", FRIEND),
        act("Follow", 6, 27, "https://third.example/users/kim", FRIEND),
        act("Undo", 7, 28, {"id": "urn:x", "type": "Like"}, FRIEND),
        act("Like", 8, 29, f"{FRIEND}/statuses/1", ADA),
        note(60, 30) | {"actor": FRIEND, "id": "urn:own"},
    ]
    summary = bring(database, archive(tmp_path, items), actor=ADA)
    ignored = {"acts of others that are not towards the creator": 4, "Like by the creator": 1}
    assert summary == told(lines=11, posted=6, ignored=ignored)
    assert [name for _, name in acts(database)] == ["", "like", "share", "follow", "like", "reply"]


def test_several_actors_have_to_be_told_apart(sqlite_url: str, tmp_path: Path) -> None:
    """Which of them is the creator is not guessed: it is asked, before anything is posted."""
    database = db.Database(sqlite_url)
    path = archive(tmp_path, [note(1, 0), boost(2, 5, "urn:x", by=FRIEND)])
    with pytest.raises(UnreadableFile, match="several act in it"):
        bring(database, path)
    assert bring(database, path, actor=ADA).posted == 1
    database.dispose()


def test_the_same_archive_posts_nothing_twice(database: db.Database, tmp_path: Path) -> None:
    """Nor does a later one, which begins as the first did: what is new is added."""
    bring(database, archive(tmp_path, OUTBOX))
    assert bring(database, archive(tmp_path, OUTBOX)) == told(lines=10, skipped=5, ignored=IGNORED)
    later = bring(database, archive(tmp_path, [*OUTBOX, note(20, 60)]))
    assert later == told(lines=11, posted=1, replayed=5, ignored=IGNORED)


def test_an_activity_that_is_told_twice_counts_once(sqlite_url: str, tmp_path: Path) -> None:
    """An archive that repeats itself says nothing new."""
    database = db.Database(sqlite_url)
    summary = bring(database, archive(tmp_path, [note(1, 0), note(1, 0)]))
    assert summary == told(lines=2, posted=1, ignored={"activities that are told twice": 1})
    database.dispose()


def test_archives_are_put_into_the_order_of_time(database: db.Database, tmp_path: Path) -> None:
    """Newest first, as outboxes are served, gives the same books as oldest first."""
    assert bring(database, archive(tmp_path, OUTBOX[::-1])) == told(lines=10, posted=5, ignored=IGNORED)
    assert acts(database)[:2] == [("post", ""), ("engagement", "answer")]


def test_bare_arrays_and_unordered_collections_are_read(sqlite_url: str, tmp_path: Path) -> None:
    """Activities are found under orderedItems, under items, or as an array; behind a byte order mark too."""
    database = db.Database(sqlite_url)
    bare = tmp_path / "bare.json"
    bare.write_bytes(b"\xef\xbb\xbf" + json.dumps([note(1, 0)]).encode())
    assert bring(database, bare).posted == 1
    items = tmp_path / "items.json"
    items.write_text(json.dumps({"type": "Collection", "items": [note(2, 1)]}))
    assert bring(database, items).posted == 1
    database.dispose()


NOT_AN_ACTIVITY: dict[str, tuple[Any, str]] = {
    "a number": (5, "no type"),
    "nothing": (None, "no type"),
    "a list": ([1], "no type"),
    "no type": ({"actor": ADA}, "no type"),
    "no time": (note(2, 1) | {"published": None, "object": note(2, 1)["object"] | {"published": None}}, "published"),
    "a time in words": (note(2, 1) | {"published": "in June"}, "'in June' is not one"),
    "a time without a zone": (note(2, 1) | {"published": "2025-06-01T10:00:00"}, "is not one with Z"),
    "a time that is no text": (note(2, 1) | {"published": 5}, "is not one"),
    "a time to come": (note(2, 1) | {"published": "2031-01-01T00:00:00Z"}, "future"),
    "nobody": ({"type": "Like", "object": f"{ADA}/statuses/1", "published": "2025-06-01T10:00:00Z"}, "no actor"),
}


@pytest.mark.parametrize(("item", "why"), NOT_AN_ACTIVITY.values(), ids=NOT_AN_ACTIVITY)
def test_a_bad_activity_is_named_by_its_place(sqlite_url: str, tmp_path: Path, item: Any, why: str) -> None:
    """What cannot be read is named by its number in the collection, and stops no other."""
    database = db.Database(sqlite_url)
    summary = bring(database, archive(tmp_path, [note(1, 0), item, note(3, 9)]), actor=ADA)
    assert (summary.posted, [number for number, _ in summary.bad]) == (2, [2])
    assert why in summary.bad[0][1]
    database.dispose()


ODD: dict[str, Any] = {
    "an id beyond measure": note(2, 1) | {"id": "x" * 1_000_000},
    "half a character": note(2, 1) | {"id": "\ud800"},
    "an object in a list": note(2, 1) | {"object": [note(2, 1)["object"]]},
    "a type in a list": note(2, 1, type=["Note"]),
    "tags that are none": note(2, 1, tag=[5, None, {"type": "Hashtag", "name": 5}]),
    "addresses that are none": note(2, 1, to=5, cc={"a": 1}),
    "an answer to a number": note(2, 1, inReplyTo=5),
}


@pytest.mark.parametrize("item", ODD.values(), ids=ODD)
def test_odd_activities_do_no_harm(sqlite_url: str, tmp_path: Path, item: Any) -> None:
    """Whatever stands where an id or a tag should be, the others come in, and it is posted, ignored or named."""
    database = db.Database(sqlite_url)
    summary = bring(database, archive(tmp_path, [note(1, 0), item, note(3, 9)]), actor=ADA)
    assert summary.posted + summary.bad_lines + sum(summary.ignored.values()) == summary.lines == 3
    assert summary.posted >= 2
    database.dispose()


@pytest.mark.parametrize(
    "text",
    [
        '{"orderedItems": [{"type": "Create"}, {"type"',
        "not JSON",
        "",
        '{"orderedItems": [1,,2]}',
        '{"type": "Note"}',
        "5",
    ],
)
def test_a_file_that_is_no_collection_posts_nothing(sqlite_url: str, tmp_path: Path, text: str) -> None:
    """A file that breaks off, or is something else, is refused before anything is posted."""
    database = db.Database(sqlite_url)
    path = tmp_path / "outbox.json"
    path.write_text(text)
    with pytest.raises(UnreadableFile):
        bring(database, path)
    assert rows(database, "SELECT count(*) FROM import_run") == [(0,)]
    database.dispose()


HOSTILE = {
    "lists without end": "[" * 100_000 + "]" * 100_000,
    "objects without end": '{"a":' * 100_000 + "1" + "}" * 100_000,
    "a number without end": "9" * 10_000,
    "a number beyond measure": "1e" + "9" * 30,
}


@pytest.mark.parametrize("item", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_file_is_refused_by_a_process_that_lives_on(tmp_path: Path, item: str) -> None:
    """What is nested or counts without end is refused, in the memory that any file may take."""
    path = tmp_path / "outbox.json"
    path.write_text(f'{{"orderedItems": [{item}]}}')
    process = multiprocessing.get_context("spawn").Process(target=refuse_grown_by, args=(64 << 20, path))
    process.start()
    process.join(60)
    assert process.exitcode == 0


def refuse_grown_by(room: int, path: Path) -> None:
    """See an archive refused with so much more memory than the process began with."""
    with pytest.raises(UnreadableFile):
        read_grown_by(room, path)


def test_what_is_wrong_with_a_file_is_told_in_words(tmp_path: Path) -> None:
    """The reader's own words come without the marks of bytes, whatever the file is written in."""
    path = tmp_path / "outbox.json"
    path.write_bytes('{"orderedItems": ["é"]}'.encode("latin-1"))
    known = activitystreams.activities(network="mastodon", external_id="ada@social.example")
    with path.open("rb") as file, pytest.raises(UnreadableFile, match="posted: lexical error"):
        list(known.items(file))


def test_without_consent_nobody_is_enrolled(database: db.Database, tmp_path: Path) -> None:
    """The past of a stranger is refused line by line; that of somebody who joined comes in without asking again."""
    path = archive(tmp_path, OUTBOX)
    assert (bring(database, path, agreed=None).refused, rows(database, "SELECT count(*) FROM creator")) == (5, [(0,)])
    account = AccountOf("mastodon", "ada@social.example")
    database.write(
        lambda session: creators.enrol(
            session, display_name="Ada", accounts=[account], consent_at_us=1, enrolled_by="acme", now_us=1
        )
    )
    assert bring(database, path, agreed=None).posted == 5


def test_the_consent_is_on_record(database: db.Database, tmp_path: Path) -> None:
    """Whoever is enrolled by an archive is there with the consent that was told with it."""
    bring(database, archive(tmp_path, OUTBOX))
    sql = "SELECT given_at_us, terms, evidence, recorded_by FROM consent"
    assert rows(database, sql) == [(AGREED.at_us, AGREED.terms, AGREED.evidence, "import:activitystreams")]


# Large, killed and resumed


def many(count: int) -> list[Any]:
    """An outbox of so many posts, minute by minute, with boosts among them."""
    made = []
    for n in range(count):
        at = f"2025-{1 + n // 40_320:02}-{1 + n // 1440 % 28:02}T{n // 60 % 24:02}:{n % 60:02}:00Z"
        made.append((boost(n, 0, "urn:x") if n % 10 == 9 else note(n, 0)) | {"published": at})
    return made


def import_slowly(url: str, path: Path) -> None:
    """Import in small batches with a rest after each, in a process that will not see the end of it."""
    bring(db.Database(url), path, batch=50, progress=lambda *_: time.sleep(0.02))


def test_a_killed_import_goes_on_where_it_was(database: db.Database, tmp_path: Path) -> None:
    """Killed in the middle of an archive and started again, an import posts every post once."""
    path = archive(tmp_path, many(2_000)[::-1])
    url = database.url.render_as_string(hide_password=False)
    process = multiprocessing.get_context("spawn").Process(target=import_slowly, args=(url, path))
    process.start()
    wait_for(lambda: rows(database, "SELECT count(*) FROM import_run WHERE lines_done >= 500") == [(1,)])
    os.kill(process.pid or 0, signal.SIGKILL)
    process.join()
    before = rows(database, "SELECT count(*) FROM event")[0][0]
    summary = bring(database, path)
    assert 0 < before < 1_800
    assert (summary.skipped, summary.posted, summary.replayed) == (before, 1_800 - before, 0)
    assert rows(database, "SELECT count(*) FROM event") == [(1_800,)]


def read_under(limit: int, path: Path) -> None:
    """Go through an archive in a process that may hold so many bytes; it ends otherwise than with 0 where it cannot."""
    known = activitystreams.activities(network="mastodon", external_id="ada@social.example")
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    with path.open("rb") as file:
        assert sum(item.told is not None for item in known.items(file)) == 18_000


def test_an_archive_is_not_held_as_a_whole(tmp_path: Path) -> None:
    """20,000 activities of 10 KB each, 200 MB, are read by a process that may grow by 64 MB only."""
    path = tmp_path / "outbox.json"
    with path.open("w") as file:
        file.write('{"orderedItems": [')
        for n, item in enumerate(many(20_000)):
            file.write(("," if n else "") + json.dumps(item | {"padding": "x" * 8_500}))
        file.write("]}")
    process = multiprocessing.get_context("spawn").Process(target=read_grown_by, args=(64 << 20, path))
    process.start()
    process.join(120)
    assert process.exitcode == 0


def read_grown_by(room: int, path: Path) -> None:
    """Go through an archive with so much more memory than the process began with."""
    began = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    read_under(began + room, path)
