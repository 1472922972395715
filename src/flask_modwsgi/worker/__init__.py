"""What Apache's processes load: the application, and what it needs there."""
