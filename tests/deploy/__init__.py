"""Of its own, because pytest and mypy want one module ``conftest`` of that name."""
