"""Sentences of the shipped text sample: two people own spelled numbers of things, and a second sentence compares them."""

import zlib
from collections.abc import Iterator
from enum import StrEnum
from itertools import islice
from random import Random
from typing import NamedTuple

from workbench.tasks.digits_parts import Part

ONES = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
]
TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
PEOPLE = ["anna", "ben", "clara", "david", "emma", "frank", "grace", "henry"]
THINGS = ["apples", "books", "coins", "shells", "stamps", "stones"]
CLAIMS = ("{0} has more {2} than {1}", "{0} has fewer {2} than {1}", "{0} has as many {2} as {1}")
REPORTS = (
    "{0} has {1} {4} and {2} has {3}",
    "{0} owns {1} {4} while {2} owns {3}",
    "there are {1} {4} with {0} and {3} with {2}",
)
LARGEST = 999
HELD_OUT = 4  # one in so many sentences is for evaluation only
SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]")


class Answer(StrEnum):
    """Whether the second sentence follows from the first, in the order of the classes."""

    FALSE = "false"
    TRUE = "true"
    UNKNOWN = "unknown"


class Pair(NamedTuple):
    """Two sentences and the class that they belong to, a number of `Answer`."""

    first: str
    second: str
    answer: int


def spelled(number: int) -> str:
    """A number of 0 to 999 in words."""
    if number < 20:
        return ONES[number]
    if number < 100:
        ten, one = divmod(number, 10)
        return TENS[ten - 2] + (f" {ONES[one]}" if one else "")
    hundred, rest = divmod(number, 100)
    return f"{ONES[hundred]} hundred" + (f" and {spelled(rest)}" if rest else "")


def vocabulary() -> list[str]:
    """Every token there is, in the order of their ids."""
    templates = " ".join(CLAIMS + REPORTS).split()
    words = {*ONES, *TENS, *PEOPLE, *THINGS, "hundred", "and", *(word for word in templates if "{" not in word)}
    return [*SPECIAL, *sorted(words)]


def is_held_out(sentence: str) -> bool:
    """Whether a sentence is for evaluation only, which its own letters say."""
    return zlib.crc32(sentence.encode()) % HELD_OUT == 0


def part_pairs(part: Part, amount: int, *, seed: int = 0) -> list[Pair]:
    """The first pairs of a part, the same each time, none of them twice."""
    unique: dict[Pair, None] = {}
    pairs = endless_pairs(part, seed)
    while len(unique) < amount:
        unique.update(dict.fromkeys(islice(pairs, amount - len(unique))))
    return list(unique)


def endless_pairs(part: Part, seed: int) -> Iterator[Pair]:
    """Pairs of a part: both sentences are held out, or neither is."""
    chance = Random(f"{part.name} {seed}")
    wanted = part is Part.EVALUATION
    while True:
        pair = _pair(chance)
        if is_held_out(pair.first) is wanted and is_held_out(pair.second) is wanted:
            yield pair


def _pair(chance: Random) -> Pair:
    """The three answers are equally frequent with each claim, and nothing but the sentences' meaning tells them apart."""
    first, second, stranger = chance.sample(PEOPLE, 3)
    thing, other = chance.sample(THINGS, 2)
    a, b = _numbers(chance)
    report = chance.choice(REPORTS).format(first, spelled(a), second, spelled(b), thing)
    people = [first, second]
    if chance.random() < 0.5:
        people, a, b = [second, first], b, a
    claim = true = CLAIMS[0 if a > b else 1 if a < b else 2]
    answer = chance.choice(list(Answer))
    if answer is Answer.FALSE:
        claim = chance.choice([c for c in CLAIMS if c != true])
    elif answer is Answer.UNKNOWN and chance.random() < 0.5:
        thing = other
    elif answer is Answer.UNKNOWN:
        people[chance.randrange(2)] = stranger
    return Pair(report, claim.format(*people, thing), list(Answer).index(answer))


def _numbers(chance: Random) -> tuple[int, int]:
    """Two numbers of 1 to 999, in a third equal, in a third alike but for their last digits."""
    top = chance.choice((20, 100, LARGEST + 1, LARGEST + 1))
    a, b = chance.randrange(1, top), chance.randrange(1, top)
    kind = chance.randrange(6)
    if kind < 2:
        return a, a
    if kind < 4:
        whole = (10, 100)[kind - 2]
        b = max(a // whole * whole + b % whole, 1)
    return a, b
