"""The store of events, and what makes events of records."""
