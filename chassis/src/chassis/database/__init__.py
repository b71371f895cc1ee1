"""One service's PostgreSQL: what a transaction changes and what it announces are stored together, or not at all.

The face: `engine.Database` (`transaction()`, `reading()`) and `transaction.Transaction` (`session`, `announce()`).
`tables` are the backbone's, which every service's database carries; `migrations` brings them up to date.
`bulk_insert` writes many new rows in one statement; `retention` deletes what is past its time.
Begin with `transaction`.
"""
