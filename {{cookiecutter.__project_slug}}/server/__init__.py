"""How Apache runs the application. Comes from the template; an update replaces it whole."""
