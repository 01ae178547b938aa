"""Check an export of books (format jsonl) with nothing but Python: every hash, every link, every book to its end.

Usage: python verify_book.py books.jsonl. Compare the heads it prints with those you wrote down, or with a checkpoint's.
"""

import json
import struct
import sys
from collections.abc import Iterable
from hashlib import sha256
from itertools import chain
from pathlib import Path

AMOUNTS = "fresh bedrock mending_pitch mending_breach world fresh_after bedrock_after mending_pitch_after"
AMOUNTS += " mending_breach_after credits_after drains_after known_after pitches_after settled_through"
ENTRY = f"seq about {AMOUNTS} recorded_at_us hash_version".split()
ENTRY_TEXTS = ["creator_id", "meter", "kind", "event_id", "event_hash", "policy_version", "factors", "prev_hash"]
EVENT = ["occurred_at_us", "received_at_us"]
EVENT_TEXTS = [
    "salt",
    "creator_id",
    "event_id",
    "source",
    "external_ref",
    "meter",
    "kind",
    "facts",
    "outcome",
    "digest",
]
HEXADECIMAL = {"event_hash", "prev_hash", "salt", "digest"}
GENESIS = "00" * 32


def hash_of(told: dict, numbers: list[str], texts: list[str]) -> str:
    """SHA-256 over the numbers in 8 bytes each, the lengths of the texts in 4 bytes each, and the texts."""
    parts = [bytes.fromhex(told[name]) if name in HEXADECIMAL else (told[name] or "").encode() for name in texts]
    fixed = struct.pack(f">{len(numbers)}q{len(texts)}I", *(told[name] or 0 for name in numbers), *map(len, parts))
    return sha256(fixed + b"".join(parts)).hexdigest()


def wrong_with(entry: dict, event: dict | None, book: dict, seq: int, head: str) -> str:
    """What is wrong with the next entry of a book; empty where all is as it must be."""
    if [entry[name] for name in ("creator_id", "meter", "seq")] != [book["creator_id"], book["meter"], seq + 1]:
        return "it is not the next entry of its book"
    if entry["prev_hash"] != head or entry["hash"] != hash_of(entry, ENTRY, ENTRY_TEXTS):
        return "its hash is not that of what it says, or does not link to the entry before it"
    if event and not entry["event_hash"] == event["hash"] == hash_of(event, EVENT, EVENT_TEXTS):
        return "its event is not the one it was made by"
    return "" if sum(entry[name] for name in AMOUNTS.split()[:5]) == 0 else "it does not balance"


def check(lines: Iterable[str]) -> None:
    """Go through the lines, print each book with its last hash, and stop at the first thing wrong."""
    book, seq, head = None, 0, GENESIS
    for number, line in enumerate(lines, 1):
        try:
            told = json.loads(line)
        except ValueError:
            sys.exit(f"line {number}: it is no JSON, or was cut off")
        if "entry" in told:
            if wrong := wrong_with(told["entry"], told.get("event"), book or told["entry"], seq, head):
                sys.exit(f"line {number}: {wrong}")
            seq, head = told["entry"]["seq"], told["entry"]["hash"]
        elif book and (seq, head) != (book["seq"], book["head"] or GENESIS):
            sys.exit(f"line {number}: the book {book['meter']} ends at entry {seq}, but is said to have {book['seq']}")
        if book and ("book" in told or "end" in told):
            print(book["creator_id"], book["meter"], seq, head)
        if "end" in told and not book:
            sys.exit("there is no book in it")
        if "book" in told:
            book, seq, head = told["book"], 0, GENESIS


with Path(sys.argv[1]).open(encoding="utf-8") as file:
    check(chain(file, ['{"end": true}']))
