"""Items are normalised to inquiries, one module per channel. Adapters are total: they answer for any JSON."""
