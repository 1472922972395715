"""Projects that know nothing of this one, put behind Apache by `flask-modwsgi init`."""

import json
import os
import re
import subprocess
from collections.abc import Iterator

import pytest
from conftest import Adopt
from serving import ask, running, wait_for
from test_background import Service

pytestmark = pytest.mark.slow

# Sends everyone to https, as Flask-Talisman does; the static files are beside it.
REDIRECTING = """
from flask import Flask, redirect, request

app = Flask(__name__)


@app.before_request
def only_https():
    if not request.is_secure:
        return redirect(request.url.replace("http:", "https:", 1))
"""

# In a package below src/; static files from a build, beside it; a view among them; a login.
FACTORY = """
from flask import Flask, abort


def create_app():
    app = Flask(__name__, static_folder="../../dist", static_url_path="/assets")

    @app.get("/")
    def index():
        abort(401)

    @app.get("/assets/made/")
    def made():
        return "made by a view"

    return app
"""

FAILING = """
from flask import Flask

app = Flask(__name__, static_folder=None)


@app.get("/")
def index():
    raise RuntimeError("no database")


@app.get("/static/view")
def view():
    return "a view"
"""

AT_THE_ROOT = """
from flask import Flask

app = Flask(__name__, static_folder="public", static_url_path="")
"""

NO_FLASK = """
def app(environ, start_response):
    start_response("404 Not Found", [("Content-Type", "text/plain")])
    return [b"nothing here"]
"""

CLOSED = """
from flask import Flask

app = Flask(__name__)


@app.get("/")
def index():
    return "closed until noon", 503
"""

# Passes on what a proxy behind it said.
RELAY = """
def app(environ, start_response):
    start_response("502 Bad Gateway", [("Proxy-Status", "other; error=dns_error")])
    return [b"nobody there"]
"""

# Reads .env by itself, by name and by searching for it, and another file like it.
READS_ENV = """
from pathlib import Path

import click
from dotenv import dotenv_values, load_dotenv
from flask import Flask

load_dotenv()
load_dotenv(Path(__file__).with_name("other.env"))
app = Flask(__name__)
app.config["COLOUR"] = dotenv_values(".env", interpolate=False)["COLOUR"]


@app.get("/")
def index():
    return app.config["COLOUR"]


@app.cli.command("colour")
def colour():
    click.echo(app.config["COLOUR"])
"""


# Without a package that does it.
OPENS_ENV = """
with open(".env") as file:
    colour = [line for line in file if line.startswith("COLOUR=")][0]


def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [colour.encode()]
"""


FINDS_IN_THE_ENVIRONMENT = OPENS_ENV.replace(
    OPENS_ENV.strip().partition("\n\n")[0],
    "import os\n\ncolour = f\"COLOUR={os.environ['COLOUR']}\\n\"",
)


@pytest.fixture(scope="module")
def redirecting(adopt: Adopt) -> Iterator[Service]:
    """One that redirects everything; started."""
    project, output = adopt("redirecting", {"app.py": REDIRECTING, "static/a.css": "a {}\n"})
    assert "Apache answered / 302, /static/a.css 200\n" in output
    service = Service(project)
    started = service.run("start")
    assert started.returncode == 0, started.stderr
    yield service
    service.run("stop")


def test_a_redirect_is_an_answer(redirecting: Service) -> None:
    answer = ask(f"{redirecting.url}/page")
    assert (answer.status, answer.headers["Location"][:5]) == (302, "https")
    assert redirecting.status()["state"] == "running"
    reloaded = redirecting.run("reload")
    assert reloaded.returncode == 0, reloaded.stderr


def test_nothing_that_could_break_a_page_is_sent_unasked(redirecting: Service) -> None:
    for path in ("/", "/static/a.css", "/static/none.css"):
        sent = ask(redirecting.url + path).headers
        refusing = ("Content-Security", "Cross-Origin", "X-Content-Type")
        assert not [name for name in sent if name.startswith(refusing)]
        assert "Permissions-Policy" not in sent


def test_static_files_beside_a_single_module(redirecting: Service) -> None:
    answer = ask(f"{redirecting.url}/static/a.css")
    assert (answer.status, answer.text) == (200, "a {}\n")
    assert "max-age=300" in answer.headers["Cache-Control"]


def test_a_project_with_init_can_be_checked_and_changed(redirecting: Service) -> None:
    """Of the answers about static files that Apache got at its start, none is outdated."""
    found = json.loads(redirecting.run("doctor", "--json").stdout)
    (row,) = (row for row in found["checks"] if row["check"] == "static files")
    assert (row["state"], row["value"]) == ("ok", "1 files at /static")
    module = redirecting.project.path / "app.py"
    for text, named in (
        (REDIRECTING.replace("(__name__)", "(__name__, static_url_path='/s')"), "restart-needed"),
        (f"{REDIRECTING}\napp.config['USE_X_SENDFILE'] = True\n", "sendfile-on"),
    ):
        module.write_text(text, "utf-8")
        refused = redirecting.run("reload")
        assert refused.returncode == 1
        assert f"Problem  {named}" in refused.stderr
        assert ask(f"{redirecting.url}/static/a.css").status == 200
    module.write_text(REDIRECTING, "utf-8")


def test_static_files_from_elsewhere_and_views_among_them(adopt: Adopt) -> None:
    files = {
        "src/shop/__init__.py": FACTORY,
        "dist/deep/a.css": "a {}\n",
        "dist/.secret": "s",
        "dist/copy~": "s",
    }
    project, output = adopt("factory", files, "--app", "shop:create_app")
    assert "Apache answered / 401, /assets/deep/a.css 200\n" in output
    (project.path / "dist" / "link").symlink_to(project.path / ".env.example")
    (project.path / "dist" / "folder").symlink_to("/etc")
    policy = "default-src 'self' https://cdn.example.com"
    env = {"MOUNT_POINT": "/app", "CONTENT_SECURITY_POLICY": policy}
    with running(project, env=env) as serving:
        assert ask(f"{serving.url}/").headers["Content-Security-Policy"] == policy
        assert ask(f"{serving.url}/assets/deep/a.css").text == "a {}\n"
        assert ask(f"{serving.url}/assets/made/").text == "made by a view"
        assert ask(f"{serving.url}/").status == 401
        refused = (
            *("", "deep", "deep/", "none.css", ".secret", ".secret/", "copy~", "copy~/"),
            *("link", "link/", "link//", "link/.", "folder/passwd", "deep%2f..%2flink"),
            *("deep%2f..%2f.secret", "%2e%2e/src/shop/__init__.py", "deep/a.css/", "deep/a.css/x"),
        )
        found = {name: ask(f"{serving.url}/assets/{name}").status for name in refused}
        assert set(found.values()) <= {403, 404}, found
        assert ask(serving.url.removesuffix("/app") + "/assets/deep/a.css").status == 404


@pytest.mark.parametrize(
    ("name", "files", "answered", "note"),
    [
        (
            "failing",
            {"app.py": FAILING},
            "/ 500",
            "the application answers 500 at /: RuntimeError: ",
        ),
        (
            "root",
            {"app.py": AT_THE_ROOT, "public/index.html": "<p>static"},
            "/ 404",
            "Flask answers for static files, because static files have the address /",
        ),
        ("plain", {"app.py": NO_FLASK}, "/ 404", ""),
        ("closed", {"app.py": CLOSED}, "/ 503", "the application answers 503 at /"),
        ("relay", {"app.py": RELAY}, "/ 502", "the application answers 502 at /"),
    ],
)
def test_any_answer_is_a_proof(
    adopt: Adopt, name: str, files: dict[str, str], answered: str, note: str
) -> None:
    project, output = adopt(name, files, "--app", "app:app")
    assert f"Apache answered {answered}\n" in output
    is_error = "answers 50" in note
    assert note in output
    assert ("\nBuilt " in output, "\nReady " in output) == (is_error, not is_error)
    service = Service(project)
    started = service.run("start")
    try:
        assert started.returncode == 0, started.stderr
        told = f"{note.partition(':')[0]}; ./run logs --errors shows why"
        assert (told in started.stderr) == is_error
        reloaded = service.run("reload")
        assert reloaded.returncode == 0, reloaded.stderr
        assert (told in reloaded.stderr) == is_error
        wait_for(lambda: service.status()["state"] == "running", 10, "its processes to respond")
        if name == "root":
            assert ask(f"{service.url}/index.html").text == "<p>static"
        if name == "failing":
            assert ask(f"{service.url}/static/view").text == "a view"
    finally:
        service.run("stop")


def test_an_application_that_asks_for_its_own_version(adopt: Adopt) -> None:
    """The command installs it, although var/ and wheels/ are folders beside the application's."""
    project, _ = adopt("versioned", {"shop/__init__.py": REDIRECTING})
    asks = 'from importlib.metadata import version\n\nassert version("versioned") == "0.1.0"\n'
    (project.path / "shop" / "__init__.py").write_text(f"{asks}{REDIRECTING}")
    refused = project.call("./run", "doctor").stdout
    assert "project-uninstalled" in refused
    (command,) = re.findall("printf .*", refused)
    done = subprocess.run(command, shell=True, cwd=project.path, capture_output=True, text=True)
    assert "Apache answered / 302" in done.stdout, done.stderr


def test_code_that_opens_the_settings_itself(adopt: Adopt) -> None:
    """If only root can read them, the command that is printed opens nothing; they are in the environment."""
    project, _ = adopt("opens", {"app.py": NO_FLASK}, "--app", "app:app")
    env_file = project.path / ".env"
    env_file.write_text(f"{env_file.read_text()}COLOUR=blue\n")
    (project.path / "app.py").write_text(OPENS_ENV)
    service = Service(project)
    started = service.run("start")
    try:
        if os.geteuid() == 0:
            assert "Problem  env-file-closed" in started.stderr
            (command,) = re.findall("find .*", started.stderr)
            told = subprocess.check_output(command, shell=True, cwd=project.path, text=True)
            assert "./app.py:2:" in told
            (project.path / "app.py").write_text(FINDS_IN_THE_ENVIRONMENT)
            started = service.run("start")
        assert started.returncode == 0, started.stderr
        assert ask(service.url).text == "COLOUR=blue\n"
        found = json.loads(service.run("doctor", "--json").stdout)
        assert {row["state"] for row in found["checks"] if ".env" in row["check"]} == {"ok"}
    finally:
        service.run("stop")


OWN_KEY = """
import os
from flask import Flask

app = Flask(__name__)
app.secret_key = os.environ["SECRET_KEY"]


@app.get("/")
def index():
    return "its own key"
"""


def test_an_application_with_a_secret_key_of_its_own(adopt: Adopt) -> None:
    """Its .env is its own, too, and is left as it is; what a start refuses, setup says."""
    env = f"SECRET_KEY={'k' * 24}\n"
    project, told = adopt("keyed", {"app.py": OWN_KEY, ".env": env, "requirements.txt": "Flask\n"})
    file = project.path / ".env"
    assert "Ready" in told and "Error" not in told
    assert file.read_text() == env
    with running(project) as serving:
        assert ask(f"{serving.url}/").text == "its own key"
    rows = json.loads(project.call("./run", "doctor", "--json").stdout)["checks"]
    found = {row["check"]: row["state"] for row in rows}
    assert (found["secret"], found["application"]) == ("ok", "ok")
    for weak, slug in (("SECRET_KEY=dev\n", "own-secret-weak"), ("FLASK_DEBUG=1\n", "debug-on")):
        file.write_text(f"{env}{weak}")
        done = project.call("./run", "setup")
        assert done.returncode == 0, done.stderr
        told = " ".join(done.stdout.split())
        assert "Ready" not in told and "./run would refuse to start" in told
        started = project.call("./run", "start")
        assert started.returncode == 1 and slug in started.stderr
    assert file.read_text() == f"{env}FLASK_DEBUG=1\n"


def test_an_application_may_read_its_settings_itself(adopt: Adopt) -> None:
    project, _ = adopt(
        "reads",
        {
            "app.py": READS_ENV,
            ".env": f'FLASK_SECRET_KEY={"k" * 32}\nCOLOUR="it\'s \\"blue\\" \\\\ ${{HOME}}"\n',
            "other.env": "OTHER=1\n",
            "requirements.txt": "Flask\npython-dotenv\n",
        },
    )
    (project.path / ".env").chmod(0o600)
    assert project.call("./run", "setup").returncode == 0
    colour = 'it\'s "blue" \\ ${HOME}'
    for verb in ([], ["dev"]):
        with running(project, *verb) as serving:
            assert ask(f"{serving.url}/").text == colour
    assert project.call("./run", "flask", "colour").stdout == f"{colour}\n"
    code = "import os, dotenv; dotenv.load_dotenv('.env'); print(os.environ['COLOUR'])"
    assert project.call("./run", "exec", "--", "python", "-c", code).stdout == f"{colour}\n"
