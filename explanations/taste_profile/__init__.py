"""What carries a listener's recommendations on average: each stem, and each pair of stems."""

from explanations.taste_profile.keeping import (
    profile_path,
    read_profile,
    renew_profile,
    write_profile,
)
from explanations.taste_profile.measuring import Example, Part, TasteProfile, taste_profile
from explanations.taste_profile.picture import draw_profile

__all__ = [
    "Example",
    "Part",
    "TasteProfile",
    "draw_profile",
    "profile_path",
    "read_profile",
    "renew_profile",
    "taste_profile",
    "write_profile",
]
