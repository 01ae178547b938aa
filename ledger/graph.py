"""Who engages whom on one network, and how far standing reaches among them: EigenTrust as personalised PageRank.

Standing starts at attested accounts, follows acts from engager to creator, and answers from creator to engager.
What nobody attested reaches has none, however many accounts vouch for each other. The ties are kept in arrays
between two nights; the result depends on what they hold, never on the order in which they were taken in.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import rustworkx
from numpy.typing import NDArray

from ledger.economy import PPM
from ledger.policy import Policy

Integers = NDArray[np.int64]
Reals = NDArray[np.float64]
Row = Sequence[Any]

SHIFT = 32
ENGAGER = (1 << SHIFT) - 1
CONVERGED = 1e-10  # what an iteration may still move in all: a millionth of the average of ten thousand accounts
STEPS = 1_000


class Totals(NamedTuple):
    """Sums over all ties, to tell whether two copies hold the same."""

    ties: int = 0
    acts: int = 0
    answers: int = 0
    days: int = 0


class Edges(NamedTuple):
    """The graph itself: `names` in order, and edges between their numbers with a weight each, in order."""

    names: list[str]
    sources: Integers
    targets: Integers
    weights: Reals


@dataclass(frozen=True, slots=True)
class Standings:
    """Standing by name, 1 in all. `accounts` is how many it reached, `attested` from how many it started."""

    scores: Mapping[str, float]
    accounts: int = 0
    edges: int = 0
    attested: int = 0

    def relative(self, name: str) -> int:
        """A standing relative to the average account that standing reached, in ppm."""
        return int(self.scores.get(name, 0.0) * self.accounts * PPM)


@dataclass(slots=True)
class Graph:
    """The ties of one network. `keys` hold creator and engager by number, in rising order, one tie each."""

    numbers: dict[str, int] = field(default_factory=dict)
    keys: Integers = field(default_factory=lambda: np.empty(0, np.int64))
    values: Integers = field(default_factory=lambda: np.empty((0, 3), np.int64))  # acts, answers, day

    def take(self, rows: Sequence[Row]) -> None:
        """Take in ties (creator, engager, acts, answers, day) as they are now, new ones and changed ones."""
        if not rows:
            return
        keys = np.fromiter((self._number(row[0]) << SHIFT | self._number(row[1]) for row in rows), np.int64, len(rows))
        values = np.array([row[2:5] for row in rows], np.int64)
        order = np.argsort(keys)
        keys, values = keys[order], values[order]
        places = np.searchsorted(self.keys, keys)
        known = np.zeros(len(keys), bool)
        inside = places < len(self.keys)
        known[inside] = self.keys[places[inside]] == keys[inside]
        self.values[places[known]] = values[known]
        self.keys = np.insert(self.keys, places[~known], keys[~known])
        self.values = np.insert(self.values, places[~known], values[~known], axis=0)

    def forget(self, *, day: int, policy: Policy) -> list[tuple[str, str, int]]:
        """Let go of ties that faded under what counts; returns (creator, engager, day) of each."""
        faded = self.values[:, 0] * self._left(day, policy) < policy["standing.least_tie"]
        if not faded.any():
            return []
        names = list(self.numbers)
        keys, days = self.keys[faded].tolist(), self.values[faded, 2].tolist()
        gone = [(names[key >> SHIFT], names[key & ENGAGER], since) for key, since in zip(keys, days, strict=True)]
        self.keys, self.values = self.keys[~faded], self.values[~faded]
        self._renumber(names)
        return gone

    def totals(self) -> Totals:
        """What the ties come to."""
        acts, answers, days = map(int, self.values.sum(axis=0))
        return Totals(len(self.keys), acts, answers, days)

    def edges(self, *, day: int, policy: Policy, same: Mapping[str, str]) -> Edges:
        """Acts as edges from engager to creator, answers as edges back, weighed by what is left of them.

        `same` names the creator whom an engager's account belongs to: all accounts of one are one.
        """
        node = self._merged(same)
        left = self._left(day, policy)
        creators, engagers = node[self.keys >> SHIFT], node[self.keys & ENGAGER]
        sources, targets = np.concatenate((engagers, creators)), np.concatenate((creators, engagers))
        weights = np.concatenate((self.values[:, 0] * left, self.values[:, 1] * left))
        real = (weights > 0) & (sources != targets)
        return self._ordered(sources[real], targets[real], weights[real], same)

    def _number(self, name: str) -> int:
        return self.numbers.setdefault(name, len(self.numbers))

    def _left(self, day: int, policy: Policy) -> Reals:
        """What is left on a day of a count, by tie: a share."""
        left: Reals = np.exp2((self.values[:, 2] - day) / policy["tie.half_life"])
        return left

    def _renumber(self, names: Sequence[str]) -> None:
        """Numbers anew, for those only who still have a tie: of others nothing is kept."""
        creators, engagers = self.keys >> SHIFT, self.keys & ENGAGER
        used = np.union1d(creators, engagers)
        self.numbers = {names[old]: new for new, old in enumerate(used.tolist())}
        self.keys = np.searchsorted(used, creators) << SHIFT | np.searchsorted(used, engagers)

    def _merged(self, same: Mapping[str, str]) -> Integers:
        """By number, the number of the one it is."""
        node = np.arange(len(self.numbers))
        first: dict[str, int] = {}
        for account in sorted(same.keys() & self.numbers.keys()):
            creator, number = same[account], self.numbers[account]
            node[number] = self.numbers.get(creator, first.setdefault(creator, number))
        return node

    def _ordered(self, sources: Integers, targets: Integers, weights: Reals, same: Mapping[str, str]) -> Edges:
        """Edges between names in their order, so that the same ties give the same sums to the last bit."""
        used = np.union1d(sources, targets)
        names = list(self.numbers)
        called = [same.get(names[number], names[number]) for number in used.tolist()]
        places = np.empty(len(names), np.int64)
        order = sorted(range(len(called)), key=called.__getitem__)
        places[used[order]] = np.arange(len(order))
        sources, targets = places[sources], places[targets]
        row = np.lexsort((weights, targets, sources))
        return Edges([called[number] for number in order], sources[row], targets[row], weights[row])


def standings(edges: Edges, *, attested: Collection[str], policy: Policy) -> Standings:
    """How standing spreads from those attested who have a tie. None where there are none.

    What reaches an account without edges of its own goes back to where it started. Spread evenly instead, it would
    feed accounts that nobody knows; and iterating from the start alone leaves those it cannot reach at exactly 0.
    """
    seeds = [number for number, name in enumerate(edges.names) if name in attested]
    if not seeds:
        return Standings({}, edges=len(edges.sources))
    found = rustworkx.PyDiGraph(node_count_hint=len(edges.names), edge_count_hint=len(edges.sources))
    found.add_nodes_from(range(len(edges.names)))
    listed = zip(edges.sources.tolist(), edges.targets.tolist(), edges.weights.tolist(), strict=True)
    found.extend_from_weighted_edge_list(list(listed))
    start = dict.fromkeys(seeds, 1 / len(seeds))
    ranks = rustworkx.pagerank(
        found,
        alpha=1 - policy["standing.restart"] / PPM,
        weight_fn=float,
        personalization=start,
        nstart=start,
        dangling=start,
        tol=CONVERGED / len(edges.names),
        max_iter=STEPS,
    )
    scores = {name: ranks[number] for number, name in enumerate(edges.names) if ranks[number] > 0}
    return Standings(scores, len(scores), len(edges.sources), len(seeds))
