"""What the welcome page says about its server. Delete this module together with that page."""

import platform

from flask import request


def served_by() -> dict[str, str]:
    """The parts of the server and their versions, as mod_wsgi gives them to each request."""
    python = platform.python_version()
    if "mod_wsgi.version" not in request.environ:
        return {"Server": "Flask's development server", "Python": python}

    import mod_wsgi  # exists only within Apache

    threads = request.environ.get("flask_modwsgi.threads", mod_wsgi.threads_per_process)
    processes = request.environ.get("flask_modwsgi.processes", mod_wsgi.maximum_processes)
    return {
        "Apache": _version("apache"),
        "mod_wsgi": _version("mod_wsgi"),
        "Python": python,
        "Processes": str(processes),
        "Threads": f"{threads} in each process",
    }


def _version(name: str) -> str:
    return ".".join(map(str, request.environ[f"{name}.version"]))
