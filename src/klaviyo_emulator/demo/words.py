"""The words that the demo's people, places and stories are made of."""

from __future__ import annotations

from typing import NamedTuple


class Place(NamedTuple):
    """Where a family lives. `hours` is how far its clock is from UTC in winter; summer time is left out."""

    city: str
    region: str | None
    country: str
    time_zone: str
    hours: int
    latitude: float
    longitude: float
    locale: str


class Theme(NamedTuple):
    """A world that stories are set in."""

    id: str
    category: str
    title: str


_FIRST_NAMES = (
    "Ada Aisha Alba Amara Anders Anika Astrid Bea Ben Carla Chidi Clara Daniel Dara Elias Elif Emma Enzo Esther Farah "
    "Felix Finn Freya Grace Hana Hugo Ida Imani Ines Ivo Jana Jonas Kaito Keira Kofi Lea Leila Liam Lina Luca Maeve "
    "Malik Marta Mateo Mila Mina Nadia Nils Noor Olga Omar Orla Pablo Petra Priya Rafael Rosa Ruth Sami Sara Selma "
    "Sofia Tara Tariq Theo Tomas Uma Vera Viktor Wanda Yara Yusuf Zoe"
)
_LAST_NAMES = (
    "Abara Ahmed Alvarez Andersson Baker Banerjee Bauer Becker Bianchi Brandt Brown Carter Castro Chen Clarke Costa "
    "Cruz Dahl Diaz Dubois Eriksen Evans Farkas Fischer Foster Garcia Gruber Haddad Hansen Hughes Ibrahim Ivanova "
    "Jansen Jensen Kang Kaya Keller Khan Kim Kowalska Lang Larsen Lopez Maier Marino Martin Mbeki Meyer Mori Moreau "
    "Nakamura Novak Nowak Okafor Olsen Park Patel Pereira Petrov Quinn Reyes Ricci Rossi Russo Sato Schmid Silva Singh "
    "Smith Sousa Tanaka Taylor Thomas Torres Vogel Walsh Weber Wilson Wood Yilmaz Young"
)
FIRST_NAMES = tuple(_FIRST_NAMES.split())
LAST_NAMES = tuple(_LAST_NAMES.split())
PLACES = (
    Place("Boston", "MA", "United States", "America/New_York", -5, 42.36, -71.06, "en-US"),
    Place("Austin", "TX", "United States", "America/Chicago", -6, 30.27, -97.74, "en-US"),
    Place("Denver", "CO", "United States", "America/Denver", -7, 39.74, -104.99, "en-US"),
    Place("Portland", "OR", "United States", "America/Los_Angeles", -8, 45.52, -122.68, "en-US"),
    Place("Chicago", "IL", "United States", "America/Chicago", -6, 41.88, -87.63, "en-US"),
    Place("Atlanta", "GA", "United States", "America/New_York", -5, 33.75, -84.39, "en-US"),
    Place("Toronto", "ON", "Canada", "America/Toronto", -5, 43.65, -79.38, "en-CA"),
    Place("Vancouver", "BC", "Canada", "America/Vancouver", -8, 49.28, -123.12, "en-CA"),
    Place("London", None, "United Kingdom", "Europe/London", 0, 51.51, -0.13, "en-GB"),
    Place("Leeds", None, "United Kingdom", "Europe/London", 0, 53.80, -1.55, "en-GB"),
    Place("Dublin", None, "Ireland", "Europe/Dublin", 0, 53.35, -6.26, "en-IE"),
    Place("Berlin", None, "Germany", "Europe/Berlin", 1, 52.52, 13.41, "de-DE"),
    Place("Vienna", None, "Austria", "Europe/Vienna", 1, 48.21, 16.37, "de-AT"),
    Place("Utrecht", None, "Netherlands", "Europe/Amsterdam", 1, 52.09, 5.12, "nl-NL"),
    Place("Madrid", None, "Spain", "Europe/Madrid", 1, 40.42, -3.70, "es-ES"),
    Place("Helsinki", None, "Finland", "Europe/Helsinki", 2, 60.17, 24.94, "fi-FI"),
    Place("Sydney", "NSW", "Australia", "Australia/Sydney", 10, -33.87, 151.21, "en-AU"),
    Place("Wellington", None, "New Zealand", "Pacific/Auckland", 12, -41.29, 174.78, "en-NZ"),
)
THEMES = (
    Theme("quiet-water", "water", "Quiet water"),
    Theme("deep-forest", "forest", "The deep forest"),
    Theme("wide-sky", "sky", "The wide sky"),
    Theme("back-garden", "garden", "The back garden"),
    Theme("slow-journeys", "journeys", "Slow journeys"),
    Theme("little-town", "town", "The little town"),
)
STORIES = (
    ("The boat that waited", "quiet-water", 6),
    ("A lamp on the lake", "quiet-water", 8),
    ("The owl keeps count", "deep-forest", 7),
    ("Moss for a pillow", "deep-forest", 5),
    ("A cloud comes home", "wide-sky", 6),
    ("The last kite", "wide-sky", 9),
    ("Snails on parade", "back-garden", 5),
    ("The watering can", "back-garden", 4),
    ("The night train hums", "slow-journeys", 10),
    ("Three stops to bed", "slow-journeys", 7),
    ("The baker's window", "little-town", 6),
    ("Lights out on Mill Street", "little-town", 8),
)
"""Title, theme, and minutes of the stories in the catalogue."""
