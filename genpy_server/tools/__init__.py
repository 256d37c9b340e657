"""Read-only functions of the conversation's own data."""
