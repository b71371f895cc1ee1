"""Who is who: units, offices, partners, members, and the keys of partner systems."""
