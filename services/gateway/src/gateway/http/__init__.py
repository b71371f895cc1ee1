"""What every answer shares, whoever gets it: problem documents in the caller's language, and limits on what is sent.

Promises: an error of any layer becomes an RFC 9457 document whose sentences stand in four languages
(`locales/*/LC_MESSAGES/problems.po`); no body is read for ever. HTML is a matter of `gateway.web`.
Face: `problems.localise`, `problems.handle_error`, `body_limits.limited_bodies`; `faults`, for whoever refuses.
Begin with `faults.py`, which is pure, then `problems.py`.
"""
