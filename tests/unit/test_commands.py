"""What the programs that build an environment get of the shell's."""

from flask_modwsgi.setup import commands


def test_the_environment_of_an_installation() -> None:
    clean = commands.clean_environment(
        {
            "PATH": "/bin",
            "HTTPS_PROXY": "http://proxy",
            "SSL_CERT_FILE": "/ca.pem",
            "PIP_INDEX_URL": "https://index",
            "PIP_CERT": "/ca.pem",
            "UV_INDEX_COMPANY_PASSWORD": "secret",
            "UV_DEFAULT_INDEX": "https://index",
            "UV_NO_CACHE": "1",
            "PIP_NO_CACHE_DIR": "1",
            "PIP_CACHE_DIR": "/cache",
            "CFLAGS": "-O3",
            "PIP_TARGET": "/elsewhere",
            "PIP_USER": "1",
            "UV_PYTHON": "2.7",
            "PYTHONHOME": "/elsewhere",
            "VIRTUAL_ENV": "/elsewhere",
            "CONDA_PREFIX": "/elsewhere",
        }
    )
    assert "/elsewhere" not in clean.values()
    assert clean.pop("PIP_USER") == "0"
    assert {"PATH", "HTTPS_PROXY", "SSL_CERT_FILE", "PIP_INDEX_URL", "PIP_CERT"} <= set(clean)
    assert {"UV_INDEX_COMPANY_PASSWORD", "UV_DEFAULT_INDEX", "CFLAGS"} <= set(clean)
    assert {"UV_NO_CACHE", "PIP_NO_CACHE_DIR", "PIP_CACHE_DIR"} <= set(clean)
    assert "UV_PYTHON" not in clean
