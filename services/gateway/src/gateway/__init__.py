"""The one public door, by whom it serves.

Rooms: `partners` (their systems post events), `members` (inbox, tasks, plan), `operators` (the state of the network)
and `sign_in` (in by a link that works once). None of them imports another. They share `web` (what every page has),
`journeys` (what became of a partner's event), `sessions` (who is signed in), `http` (problem documents in four
languages) and `clients` (the services behind). `app.py` puts them together; `subscribers.py` is what is heard.
"""
