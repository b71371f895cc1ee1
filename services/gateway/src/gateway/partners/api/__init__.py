"""The partner API over HTTP: whose key it is, how much may be sent, and the addresses under `/events`."""
