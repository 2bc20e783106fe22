"""Customers, and the ways in which an upstream may echo a part of what it was sent."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from veracore_sync.domain.warehouse import Party

_SPELT_OUT = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "ø": "oe", "å": "aa"})


@dataclass(frozen=True, slots=True)
class Person:
    """A customer with an address."""

    first: str
    last: str
    company: str
    street: str
    city: str
    phone: str
    email: str

    @property
    def values(self) -> tuple[str, ...]:
        return (self.first, self.last, self.company, self.street, self.city, self.phone, self.email)

    @property
    def party(self) -> Party:
        return Party(
            first_name=self.first,
            last_name=self.last,
            company=self.company,
            address1=self.street,
            city=self.city,
            postal_code="80331",
            country="DE",
            phone=self.phone,
            email=self.email,
        )


PEOPLE = (
    Person(
        "Zoë",
        "Quixley-Vaxtermolk",
        "Brzoskwinia Żółć",
        "17 Kükenmühlenweg",
        "Wülfrath",
        "+49 171 555-0199",
        "zoe.quixley+shop@example.com",
    ),
    Person(
        "Jörg Xaver",
        "Weißgerber",
        "Öztürk & Söhne",
        "Grünewaldstraße 112b",
        "Würzburg",
        "(0931) 7788-4455",
        "jx_weissgerber@example.org",
    ),
    Person(
        "Nguyễn",
        "O'Hanrahanrahan",
        "Kjærgård",
        "4421 Qualtrozz Boulevard",
        "Truckee",
        "530.555.0147",
        "hanrahan@example.net",
    ),
)


def echoes(one: Person) -> dict[str, str]:
    """What an upstream may quote of a person, by kind; none of these is a value as it was sent."""
    mail = one.email.partition("@")[0]
    return {
        "one word of a name": one.last.split()[-1],
        "half a double name": re.split(r"[-' ]", one.last)[-1],
        "the first half of one": one.last[:6],
        "initial and name": f"{one.first[0]}. {one.last}",
        "last name first": f"{one.last}, {one.first}",
        "a street without its number": re.sub(r"\b\d+\w?\b", "", one.street).strip(),
        "a street cut short": one.street[:-4],
        "the end of a street": one.street[-8:],
        "capitals": f"{one.first} {one.last}".upper(),
        "folded": one.street.casefold(),
        "decomposed": unicodedata.normalize("NFD", f"{one.city} {one.street}"),
        "accents taken off": bare(f"{one.company} {one.city}"),
        "umlauts spelt out": f"{one.street} {one.city}".casefold().translate(_SPELT_OUT),
        "a phone without dashes": re.sub(r"\D", "", one.phone),
        "a phone's end": re.sub(r"\D", "", one.phone)[-7:],
        "the local part of a mail": mail,
        "a part of it": re.split(r"[.+_]", mail)[-1],
        "joined without blanks": f"{one.first}{one.last}{one.city}".replace(" ", ""),
        "escaped": one.last.encode("unicode_escape").decode() + "&#x2c;" + one.city,
        "in an address of the web": f"https://example.com/{one.last}?q={one.city}",
    }


def bare(text: str) -> str:
    """Folded, without accents and whatever is neither letter nor digit."""
    parts = unicodedata.normalize("NFKD", text.casefold().replace("ł", "l").replace("æ", "ae"))
    return "".join(one for one in parts if not unicodedata.combining(one))


def fragments(one: Person, length: int = 4) -> Iterator[str]:
    """Every run of four letters or digits in what a customer told us, folded in two ways.

    Of digits also seven: four are in a time, a port or an id by chance (`found_in`).
    """
    for value in one.values:
        if value == one.email:
            value = value.partition("@")[0]
        for form in (bare(value), bare(value.casefold().translate(_SPELT_OUT))):
            digits = re.sub(r"\D", "", form) if value == one.phone else ""
            for word in (*re.findall(r"[^\W_]+", form), digits):
                for size in {length, 7} if word.isdigit() else {length}:
                    yield from (word[at : at + size] for at in range(len(word) - size + 1))


def found_in(text: str, one: Person) -> set[str]:
    """The fragments of a person that a text holds."""
    shown = bare(text)
    return {part for part in fragments(one) if _holds(shown, part) and part not in _OURS}


def _holds(text: str, part: str) -> bool:
    """Whether the fragment is there; few digits only where they are no part of our numbers."""
    if part.isdigit() and len(part) < 7:
        return re.search(rf"(?<![\w.:-]){part}(?![\w.:])", text) is not None
    return part in text


# Words of the messages themselves, or of addresses and paths of the test.
_OURS = frozenset({"shop", "example", "boul", "ever"})
