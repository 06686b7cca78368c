"""leads' own database: tables, set-based SQL, migrations."""
