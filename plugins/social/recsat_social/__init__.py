"""The social domain: people, and what they post."""
