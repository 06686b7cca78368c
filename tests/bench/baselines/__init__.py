"""What Leadline is compared with: other people's ways, built as their authors would build them well."""
