"""Sentences of the shipped text sample: each says in words how many things somebody has, and two of them are compared."""

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
SAYINGS = ("{0} has {1} {2}", "there are {1} {2} with {0}", "of {2} {0} owns {1}")
LARGEST = 999
LENGTH = 24  # tokens of the longest pair, with [CLS] and both [SEP], and one to spare
HELD_OUT = 4  # one in so many sentences is for evaluation only
SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]")


class Answer(StrEnum):
    """What the first sentence's number is against the second's, in the order of the classes."""

    LESS = "less"
    EQUAL = "equal"
    MORE = "more"


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
    templates = " ".join(SAYINGS).split()
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
    """Less, equal and more are equally frequent; people and things say nothing about the answer."""
    a, b = _numbers(chance)
    first, second = (
        chance.choice(SAYINGS).format(person, spelled(number), chance.choice(THINGS))
        for person, number in zip(chance.sample(PEOPLE, 2), (a, b), strict=True)
    )
    return Pair(first, second, 1 + (a > b) - (a < b))


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
