"""Follow the proof that a line was in a checkpoint (…/proof) with nothing but Python, and print the root it leads to.

Usage: python verify_proof.py proof.json. The line was there if the root is the one you kept of that checkpoint.
"""

import json
import struct
import sys
from hashlib import sha256
from pathlib import Path

AMOUNTS = "fresh bedrock mending_pitch mending_breach world fresh_after bedrock_after mending_pitch_after"
AMOUNTS += " mending_breach_after credits_after drains_after known_after pitches_after settled_through"
NUMBERS = f"seq about {AMOUNTS} recorded_at_us hash_version".split()
TEXTS = ["creator_id", "meter", "kind", "event_id", "event_hash", "policy_version", "factors", "prev_hash"]
HEXADECIMAL = {"event_hash", "prev_hash"}


def packed(numbers: list[int], texts: list[bytes]) -> bytes:
    """Numbers in 8 bytes each, the lengths of the texts in 4 bytes each, and the texts."""
    return struct.pack(f">{len(numbers)}q{len(texts)}I", *numbers, *map(len, texts)) + b"".join(texts)


def hashed(data: bytes) -> bytes:
    """SHA-256."""
    return sha256(data).digest()


proof = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
entry, leaf, place, last = proof["entry"], proof["leaf"], proof["index"], proof["checkpoint"]["books"] - 1

# The line, and each line after it up to the last one that the checkpoint saw.
texts = [bytes.fromhex(entry[name]) if name in HEXADECIMAL else (entry[name] or "").encode() for name in TEXTS]
head = hashed(packed([entry[name] or 0 for name in NUMBERS], texts))
if head.hex() != entry["hash"]:
    sys.exit("the line's hash is not that of what it says")
for link in proof["links"]:
    head = hashed(bytes.fromhex(link) + head)
if head.hex() != leaf["head"] or leaf["seq"] != entry["seq"] + len(proof["links"]):
    sys.exit("the line does not lead to the head of its book")
if (leaf["creator_id"], leaf["meter"]) != (entry["creator_id"], entry["meter"]):
    sys.exit("the line is of another book")

# The book, and the tree over all books (RFC 6962, section 2.1).
node = hashed(b"\x00" + packed([leaf["seq"]], [leaf["creator_id"].encode(), leaf["meter"].encode(), head]))
path = [bytes.fromhex(beside) for beside in proof["path"]]
while last > 0:
    if place % 2 or place < last:
        beside = path.pop(0) if path else b""
        node = hashed(b"\x01" + beside + node if place % 2 else b"\x01" + node + beside)
    place, last = place // 2, last // 2
if path or node.hex() != proof["checkpoint"]["root"]:
    sys.exit("the book does not lead to the root of the checkpoint")
print(proof["checkpoint"]["day"], node.hex())
