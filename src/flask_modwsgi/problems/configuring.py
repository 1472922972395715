"""What can be wrong with the settings."""

import shlex
from collections.abc import Sequence
from pathlib import Path

from . import systems
from .catalogue import Values, entry


@entry("ap", "there is no such user")
def run_user_invalid(name: str, reason: str) -> None:
    """The application cannot run as RUN_USER={name}: {reason}.
    When root starts Apache, the application runs as an unprivileged user. Write the name of such a
    user into .env, as RUN_USER. With a new account, for one start:
    $ {new_user:app}
    """


@entry("PORT", "80x", "a number from 1 to 65535", "8080", True)
def setting_invalid(
    name: str, given: str, allowed: str, example: str, in_file: bool = False
) -> Values:
    """{name}={given}{where} is not valid.
    {name} takes {allowed}.
    If the application means something else by {name}, choose another name in its code.{kept}
    $ {remedy}
    """
    if not in_file:
        return {"where": "", "kept": "", "remedy": f"{name}={shlex.quote(example)} ./run"}
    value = f'"{example}"' if " " in example else example
    # As python-dotenv has it: spaces before the name and the sign, and a word for shells.
    blank = "[[:space:]]"
    line = f"^{blank}*(export{blank}+)?{name}{blank}*="
    script = f"/{line}/{{h;s|^|# |;p;g;s|{blank}*=.*|={value}|;}}"
    kept = " This command keeps the line as a comment, and adds one with an allowed value:"
    return {"where": " in .env", "kept": kept, "remedy": systems.replace_in(".env", script)}


@entry("has only 6 characters")
def secret_weak(reason: str, wins_over_file: bool = False) -> Values:
    """FLASK_SECRET_KEY {reason}.
    Anyone who guesses it can sign in as any user. {then}:
    $ {remedy}
    """
    if wins_over_file:
        then = "It is an environment variable, which wins over .env. Remove it"
        return {"then": then, "remedy": "unset FLASK_SECRET_KEY && ./run"}
    key = ".venv/bin/python -c 'import os; print(os.urandom(32).hex())'"
    return {
        "then": "This command adds a random key to .env, where the last line of a name counts",
        "remedy": rf"(umask 77; printf '\nFLASK_SECRET_KEY=%s\n' $({key}) >> .env)",
    }


@entry("is an example")
def own_secret_weak(reason: str, is_given: bool = False) -> Values:
    """The SECRET_KEY in the application's configuration {reason}.
    Anyone who guesses it can sign in as any user. {then}. To find where the key is set:
    $ {find_in_code:(SECRET|secret)_(KEY|key)}
    $ grep -n SECRET_KEY .env
    """
    if is_given:
        read = 'app.secret_key = os.environ["FLASK_SECRET_KEY"]'
        then = f"It does not use the FLASK_SECRET_KEY that it is given. Read that, as in {read}"
    else:
        read = 'app.secret_key = os.environ["SECRET_KEY"]'
        taken = "Take a long random key from the environment instead, as in"
        then = f"{taken} {read}, and write that into .env"
    return {"then": then}


@entry(Path("/srv/blog/.env"))
def env_file_missing(file: Path) -> None:
    """FLASK_SECRET_KEY is empty, and there is no {file}.
    The key signs sessions. Setup makes the file from .env.example, with a random key. In a
    container without .env, set FLASK_SECRET_KEY as an environment variable.
    $ ./run setup
    """


@entry("1")
def debug_on(value: str) -> None:
    """FLASK_DEBUG is {value}, which is for development.
    Errors would show your code and the values of variables to every client. If it is in .env, change
    it there.
    $ FLASK_DEBUG=0 ./run
    $ ./run dev
    """


@entry()
def sendfile_on() -> None:
    """The application sets USE_X_SENDFILE.
    send_file() then sends only a header with the file's path, and expects the server to send the
    file. This server does not: clients would get an empty page, and the path in a header.
    Remove USE_X_SENDFILE; Flask then sends the file itself.
    $ {find_in_code:USE_X_SENDFILE}
    $ grep -n USE_X_SENDFILE .env
    """


@entry(Path("/srv/blog"), Path("/srv/blog/.env"))
def static_folder_open(folder: Path, secret: Path) -> None:
    """With the static folder {folder}, everyone could read {secret}.
    Clients may request every file in the static folder of the application or of a blueprint. Put the
    files for browsers into a folder of their own, and name that folder in the code, as in
    Flask(__name__, static_folder="static").
    $ {find_in_code:static_folder}
    """


@entry(Path("/srv/blog/blog/static/env.txt"), Path("/srv/blog/.env"), Path("/srv/blog/var"))
def secret_linked(file: Path, secret: Path, aside: Path) -> None:
    """{file} is a link to {secret}.
    It is a symbolic or a hard link. What the application reads or shows
    must not be a secret. This command moves the link to where no client can request it, and you can
    delete it there; {secret} stays:
    $ mv -i {file!q} {aside!q}/
    """


@entry(9101)
def telemetry_missing(port: int) -> None:
    """TELEMETRY_PORT={port} needs mod_wsgi-telemetry, which is not installed.
    It comes with ten more packages. Add mod_wsgi-telemetry to {dependencies}, or start without
    telemetry.
    $ {change_and_setup}
    $ TELEMETRY_PORT= ./run
    """


@entry(60, "site.conf")
def configuration_hangs(limit: int, include: str) -> Values:
    """Apache has not read its configuration within {limit} seconds.
    It may wait for a name server, for a network drive, or for a program that a directive of
    APACHE_INCLUDE names. If it needs more time, write a longer limit into .env.
    $ {without}
    $ START_LIMIT={more} ./run
    """
    return {"without": "APACHE_INCLUDE= ./run" if include else "", "more": 2 * limit}


@entry(["PORT (was 8000, is now 8001)"])
def restart_needed(changes: Sequence[str]) -> None:
    """Changed since the start: {changes}.
    Apache reads this only when it starts. The running server was not changed.
    $ ./run restart     # a short outage
    """


@entry("There is no verb 'strat'; the nearest is 'start'", "./run start")
def command_wrong(what: str, correct: str) -> None:
    """{what}.
    ./run help lists the verbs, and ./run help VERB shows the options of one.
    $ {correct}
    """
    # The only problem with the exit status 2.


@entry(Path("/srv/blog/.env"), 3, "is not NAME=value")
def env_file_broken(file: Path, line: int, reason: str, encoding: str = "") -> Values:
    r"""{file} cannot be read: line {line} {reason}.
    A line is NAME=value in UTF-8, or a comment after #. Put a value with spaces, quotes or other
    characters in double quotes, and write \" and \\ for " and \ in it: GREETING="say \"hello\"".
    $ {convert}
    $ {edit}
    """
    # The encoding is the one that a file not in UTF-8 probably has.
    path = shlex.quote(str(file))
    convert = f"umask 77; iconv -f {encoding} -t UTF-8 {path} > {path}.new && mv {path}.new {path}"
    return {"convert": f"({convert})" if encoding else "", "edit": systems.edit(file, line)}


@entry(Path("/srv/blog/.env"), "-rw-r--r--")
def env_file_exposed(file: Path, mode: str) -> None:
    """Every user of this machine can read {file} ({mode}).
    It holds FLASK_SECRET_KEY, and any other secrets in the settings.
    $ chmod 600 {file!q}
    """


@entry(Path("/srv/blog/blog.wsgi"), "does not exist")
def wsgi_file_wrong(file: Path, reason: str, line: int = 1, quote: str = "") -> Values:
    """{file} {reason}.
    | {quote}
    Apache runs this file and takes the variable called application from it.
    $ {command}
    """
    here = Path(file.name)
    restore = f"git checkout -- {shlex.quote(file.name)}"
    return {"command": restore if reason == "does not exist" else systems.edit(here, line)}


@entry("Europe/Berlim")
def timezone_unknown(name: str) -> None:
    """TZ={name} is not a time zone of this system.
    Times in logs and in the application would be in UTC, and no message would say so. If it is in
    .env, change it there.
    $ TZ=UTC ./run
    $ ls /usr/share/zoneinfo    # all names
    """


@entry("Invalid value (at line 12, column 9)")
def pyproject_broken(reason: str) -> None:
    """pyproject.toml cannot be read: {reason}.
    ./run reads the names of the project and of its application from this file.
    $ git diff pyproject.toml    # what changed
    $ cat -n pyproject.toml
    """
