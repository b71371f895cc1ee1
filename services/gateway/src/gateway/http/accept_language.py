"""The language an answer is written in, by the caller's `Accept-Language`."""

from chassis.i18n import LANGUAGES


def language_of(accept_language: str | None) -> str:
    """Choose the best of the four languages for an `Accept-Language` header; English where none is asked for."""
    ranked: list[tuple[float, int, str]] = []
    for place, part in enumerate((accept_language or "").split(",")[:20]):
        tag, _, parameters = part.partition(";")
        quality = parameters.strip().removeprefix("q=") if parameters else "1"
        primary = tag.strip().lower().partition("-")[0]
        try:
            weight = float(quality)
        except ValueError:
            continue
        if weight > 0 and (primary in LANGUAGES or primary == "*"):
            ranked.append((-weight, place, primary))
    best = min(ranked, default=(0.0, 0, "en"))[2]
    return "en" if best == "*" else best
