"""Where an answer leads: OpenAPI links from what one operation answers to what another takes.

People read in them what comes next; tools that test by the document follow them.
"""

from __future__ import annotations

from typing import Any

CREATED = ("200", "201")
# By operation: what its answer calls a thing, what others take it as, and the operations to go on with.
LINKS: dict[str, list[tuple[str, str, tuple[str, ...]]]] = {
    "creators_post_creator": [
        ("creator", "creator", ("creators_get_creator", "creators_patch_creator", "balances_get_balance")),
        ("creator", "creator", ("history_get_history", "entries_get_entries", "personal_get_export")),
        ("creator", "creator", ("personal_delete_creator",)),
    ],
    "estimates_post_estimate": [("quote/id", "quote_id", ("quotes_get_quote",))],
    "relationships_post_relationship": [
        ("creator_id", "creator", ("balances_get_balance",)),
    ],
    "pitches_post_pitch": [
        ("pitch", "pitch", ("pitches_get_pitch", "pitches_post_accept", "pitches_post_decline")),
        ("pitch", "pitch", ("pitches_post_withdraw", "pitches_post_publish", "pitches_post_outcome")),
    ],
    "disputes_post_dispute": [("dispute", "dispute", ("disputes_get_dispute", "disputes_post_resolve"))],
    "webhooks_post_webhook": [
        ("webhook", "webhook", ("webhooks_get_webhook", "webhooks_patch_webhook", "webhooks_get_deliveries")),
        ("webhook", "webhook", ("webhooks_post_test", "webhooks_post_rotation", "webhooks_delete_webhook")),
    ],
    "klout_get_identity": [
        ("id", "klout_id", ("klout_get_user", "klout_get_score", "klout_get_topics", "klout_get_influence")),
    ],
    "keys_post_key": [("key", "key", ("keys_get_key", "keys_post_rotate", "keys_delete_key"))],
}


def link(document: dict[str, Any]) -> None:
    """Put the links into a document, in place. Raises LookupError where one leads to no operation."""
    operations = {
        operation["operationId"]: operation
        for item in document["paths"].values()
        for method, operation in item.items()
        if method != "parameters"
    }
    for name, leads in LINKS.items():
        made = {
            target: {"operationId": operations[target]["operationId"], "parameters": {taken: f"$response.body#/{told}"}}
            for told, taken, targets in leads
            for target in targets
        }
        for status in CREATED:
            if status in operations[name]["responses"]:
                operations[name]["responses"][status]["links"] = made
