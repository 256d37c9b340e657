"""What a rating of a session is."""

from genpy_server.errors import BadRequest

RATINGS = range(1, 6)


def checked_rating(rating: int) -> int:
    """A rating; raises `BadRequest` for what is none."""
    if rating not in RATINGS:
        raise BadRequest("A rating is a whole number from 1 to 5.")
    return rating
