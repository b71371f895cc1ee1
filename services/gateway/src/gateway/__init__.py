"""The one public door: partner systems post events, members and operators open pages."""
