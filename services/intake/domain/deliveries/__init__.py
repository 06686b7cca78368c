"""Deliveries are split into items, one module per channel: only what splitting needs is decided here."""
