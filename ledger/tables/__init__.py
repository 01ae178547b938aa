"""What is stored. Storage only: CHECKs guard the rows, nothing here validates or decides.

Times are BIGINT microseconds since 1970 (UTC), days whole UTC days since 1970, amounts micro-trust, counts ppm.
Each table declares its placement for a distributed engine: `ledger` tables by creator_id, `lookup` tables by
their own key, `reference` tables on every node.
"""

from ledger.tables.base import METADATA
from ledger.tables.books import (
    Account,
    ApiKey,
    Book,
    Breach,
    Creator,
    Entry,
    Event,
    Handle,
    ImportRun,
    JobRun,
    PolicyText,
    Profile,
    Tally,
    Tie,
)
from ledger.tables.economy import (
    Allegation,
    Attestation,
    Dispute,
    Figure,
    Outcome,
    Pitch,
    Quote,
    Reading,
    Relationship,
    Standing,
)
from ledger.tables.finding import Listing, ListingStick
from ledger.tables.service import Answer, Consent, Delivery, Erasure, Klout, Outbox, Quota, Webhook

__all__ = [
    "METADATA",
    "Account",
    "Allegation",
    "Answer",
    "ApiKey",
    "Attestation",
    "Book",
    "Breach",
    "Consent",
    "Creator",
    "Delivery",
    "Dispute",
    "Entry",
    "Erasure",
    "Event",
    "Figure",
    "Handle",
    "ImportRun",
    "JobRun",
    "Klout",
    "Listing",
    "ListingStick",
    "Outbox",
    "Outcome",
    "Pitch",
    "PolicyText",
    "Profile",
    "Quota",
    "Quote",
    "Reading",
    "Relationship",
    "Standing",
    "Tally",
    "Tie",
    "Webhook",
]
