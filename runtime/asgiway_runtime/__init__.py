"""What runs inside a release beside the project: it wraps the project's applications and never changes its files."""
