"""What can go wrong while the application is loaded, and what its processes die of."""

import shlex
from collections.abc import Sequence
from pathlib import Path

from . import systems
from .catalogue import Values, entry


@entry("MAIL_SERVER", "KeyError: 'MAIL_SERVER'")
def variable_missing(name: str, traceback: str) -> None:
    r"""The application needs the environment variable {name}, which is not set.
    | {traceback:short}
    The application gets the variables in .env. This command asks for the value and adds it:
    $ printf '{name}=' && read -r value && printf '\n%s\n' "{name}=$value" >> .env
    """


@entry("PORT", "KeyError: 'PORT'")
def setting_withheld(name: str, traceback: str, in_file: str = "") -> Values:
    r"""The application needs the environment variable {name}, which is also a setting of this server.
    | {traceback:short}
    {name} is passed to the application only if it is set to a value other than the default, is set
    as an environment variable, or is marked with export in .env (export {name}=...). If your code
    uses the name {name} for something else, rename it there. If it needs the value of this setting,
    this command {does}:
    $ {command}
    """
    put = systems.replace_in(".env", f"s|^ *({name} *=)|export \\1|")
    ask = f"printf '{name}=' && read -r value && printf '\\nexport %s\\n' \"{name}=$value\" >> .env"
    if in_file:
        return {"does": "marks it with export in .env", "command": put}
    return {"does": "asks for the value and adds such a line to .env", "command": ask}


@entry(Path("/srv/blog/blog.wsgi"), ["app"])
def app_nameless(file: Path, names: Sequence[str]) -> Values:
    r"""{file.name} does not define the name application{found}.
    Apache loads the application by that name. This command adds the name:
    $ printf '\napplication = {last}\n' >> {file.name!q}
    """
    found = f"; it defines {', '.join(names)}" if names else ""
    return {"found": found, "last": names[-1] if names else "app"}


@entry(Path("/srv/blog/blog.wsgi"), "create_app, which takes no arguments")
def app_unservable(file: Path, found: str) -> None:
    """The application in {file.name} is {found}.
    Apache calls application(environ, start_response), as WSGI requires. A factory has to be called,
    and has to return the application. An ASGI application, such as one made with Quart, FastAPI or
    Connexion 3, needs another server.
    $ ${{EDITOR:-vi}} {file.name!q}
    """


@entry("exits with status 3 when it is loaded", "")
def app_exits(status: str, quote: str, times: int = 1) -> Values:
    r"""The application {status}.{again}
    | {quote:short}
    A module that it imports calls sys.exit() or os._exit(). Raise an exception instead: the log and
    ./run then show what is wrong.
    $ {find_in_code:_?exit\(}
    """
    return {"again": f" {times} processes did so." if times > 1 else ""}


@entry(60.0, 'File "/srv/blog/blog/__init__.py", line 7 in <module>')
def app_blocks(limit: float, stack: str) -> Values:
    """The application was not loaded within {limit:.0f} seconds. This is where it waits:
    | {stack:short}
    Every process loads the application before it answers. Move code that waits into a function
    that runs later, or give it a timeout. To allow more time, raise START_LIMIT in .env, or for one
    start:
    $ START_LIMIT={more} ./run
    """
    return {"more": max(60, int(limit) * 2)}


@entry("127.0.0.1:5000", 'File "/srv/blog/blog/__init__.py", line 9 in <module>')
def app_serves(where: str, stack: str) -> None:
    r"""The application starts another server on {where} when it is loaded.
    | {stack:short}
    Apache is the server here, and app.run() never returns. Call it only if __name__ == "__main__".
    This command finds the call:
    $ {find_in_code:run\(}
    """


@entry("OSError: [Errno 98] Address already in use")
def app_listens(traceback: str) -> None:
    """While it is loaded, the application tries to listen on a port that is in use.
    | {traceback:short}
    Each process loads the application, and only one process can have the port. Run that listener as
    a separate program, or use port 0 to get a free port. For metrics, set METRICS_PORT instead.
    $ ./run dev     # has only one process: if it works there, this is the cause
    """


@entry("signal SIGSEGV", "libc.so.6", "Fatal Python error: Segmentation fault", 5)
def app_crashes(signal: str, library: str, stack: str, times: int) -> Values:
    """{processes} ended by {signal}{place}.
    | {stack:short}
    The fault is in compiled code: in a package with an extension module, or in one that was built
    for another Python. The first line of your own code above shows which package.
    $ ./run setup --rebuild     # installs every package again
    """
    return {
        "processes": f"{times} processes were" if times > 1 else "A process was",
        "place": f" in {library}" if library else "",
    }


@entry([4711], 180 * 2**20, 1)
def memory_exhausted(pids: Sequence[int], size: int | None, counted: int) -> Values:
    """The kernel killed {processes}{had}, because memory ran out.
    The application needs more memory than this machine or its control group has. Each process loads
    the whole application, so fewer processes need less. To keep these values, write them into .env.
    $ PROCESSES=1 THREADS=10 ./run
    $ dmesg | grep -i 'killed process'
    """
    last = f"process {', '.join(map(str, pids[-3:]))}"
    return {
        "processes": last if pids else f"{counted} processes",
        "had": f", at {size / 2**20:.0f} MB" if size else "",
    }


@entry(4711, "was ended by signal SIGKILL (or exited with status 9)")
def killed(pid: int, how: str, times: int = 1) -> Values:
    """Process {pid} {how}.{again}
    Memory did not run out. The application itself, an operator, a supervisor or a limit of the
    system ended it.
    $ {find_in_code:os.kill|_exit|abort}
    """
    return {"again": f" {times} processes ended in this way." if times > 1 else ""}


@entry("www-data", "/srv/blog/private.txt", "PermissionError: [Errno 13] Permission denied")
def permission_denied(user: str, path: str, quote: str, nearest: str = "") -> Values:
    """User {user} has no permission to use {path}.
    | {quote:short}
    The application runs as {user}. That user must be able to read the application's files and to
    enter each folder above them. It may write to var/data.{missing} Only the owner of a file, or
    root, may change its permissions. {shows}:
    $ {commands}
    """
    show = systems.show_way(nearest or path)
    if not nearest:
        shows = "This command shows those of the file and of each folder above it"
        return {"missing": "", "shows": shows, "commands": show}
    name = Path(path).relative_to(nearest).parts[0]
    missing = (
        f" There is no {path}, and {user} would have to make it in {nearest}, so let the application"
        " keep it in var/data, which is Flask's app.instance_path."
    )
    shows = (
        "The first command shows those of that folder and of each one above it, the second one where the"
        f" code has the name {name}"
    )
    commands = [show, systems.find_in_code(name, "F")]
    return {"missing": missing, "shows": shows, "commands": commands}


@entry(
    "/srv/blog/uploads/a.png",
    Path("/srv/blog/uploads"),
    "blog",
    "/srv/blog/var/data",
    "OSError: [Errno 30] Read-only file system: '/srv/blog/uploads/a.png'",
)
def folder_read_only(path: str, folder: Path, user: str, data: str, quote: str) -> Values:
    """The application cannot write to {path}, which is read-only for it.
    | {quote:short}
    The systemd unit and the container in deploy/ let the application write to var/data only. Keep
    such files in {data}, which is Flask's app.instance_path. To allow another folder, give it to
    {user}, and add it to ReadWritePaths= in the unit, or as a volume of the container. This finds
    where the code names the folder:
    $ {find}
    """
    return {"find": systems.find_in_code(folder.name or Path(path).name, "F")}


@entry("www-data", Path("/srv/blog/.env"), "PermissionError: [Errno 13] Permission denied: '.env'")
def env_file_closed(user: str, file: Path, quote: str) -> None:
    """User {user} has no permission to read {file}, which the application opens.
    | {quote:short}
    The application finds the values in its environment, os.environ, and does not need the file. Use
    os.environ in the code instead. This finds what opens the file:
    $ {find_in_code:dotenv|[.]env([^i]|$)}
    """


@entry("www-data", "/srv/blog/var/data", "sqlite3.OperationalError: unable to open database file")
def database_unwritable(
    user: str,
    folder: str,
    quote: str,
    instance: str = "",
    hindrance: str = "owner",
    behind: str = "",
) -> Values:
    r"""SQLite cannot write its database as user {user}.
    | {quote:short}
    SQLite also writes files beside the database, so the folder has to be writable, too. Keep the
    database in {folder}, where the application may write. {link} {then}:
    $ {commands}
    """
    # The instance folder is the project's own, from its root. Where var/data is a link, `behind` is where it
    # leads: chown does not follow it, and root should see what it gives away.
    place = shlex.quote(behind or folder)
    own = systems.as_root(f"chown -Rh {user}: {place}")
    which = "The second command" if instance else "This command"
    then, last = {
        "owner": (
            f"If another user made a database in var/data, {which.lower()} changes its owner",
            own,
        ),
        "mode": (
            f"All files in var/data belong to {user}, who may not write to some of them. {which} changes that",
            systems.of_user(user, f"chmod -R u+rwX {place}"),
        ),
        "": (
            f"All files in var/data belong to {user} already, so the database is in another folder, or in one"
            f" that does not exist. If .env does not name it, the code does. {which} looks there",
            systems.find_in_code(r"sqlite|\.db"),
        ),
        "link": (
            "var/data is a link that leads nowhere, or that another user could have made or led elsewhere. This"
            " command shows the owner of each step",
            systems.show_way(folder),
        ),
    }[hindrance]
    link = "Flask's instance folder is a link to it, unless the project already had that folder."
    commands = [last]
    if instance and hindrance != "link":
        link = (
            f"Flask's instance folder is usually a link to it, but this project already had a folder {instance}."
            " The first command copies its files there and makes the link."
        )
        name = shlex.quote(instance)
        copy = systems.as_root(f"cp -a {name}/. {place}/")
        commands.insert(0, f"{copy} && mv {name} {name}.$(date +%s) && ./run setup && {own}")
    return {"link": link, "then": then, "commands": commands}


@entry("apache", "/srv/blog/blog.wsgi", "(13)Permission denied: WSGI0106")
def selinux_denied(user: str, path: str, quote: str) -> Values:
    """SELinux does not let {user} use {path}, although the permissions allow it.
    | {quote:short}
    SELinux decides by labels: httpd_sys_content_t may be read, httpd_sys_rw_content_t written, and
    code that is loaded needs httpd_sys_script_exec_t.
    $ {relabel}
    $ {search}
    """
    where = Path(path).parent if Path(path).suffix else Path(path)
    label = "httpd_sys_rw_content_t" if "var" in Path(path).parts[2:] else "httpd_sys_content_t"
    rule = f"semanage fcontext -a -t {label} {shlex.quote(f'{where}(/.*)?')}"
    restore = f"restorecon -R {shlex.quote(str(where))}"
    return {
        "relabel": f"{systems.as_root(rule)} && {systems.as_root(restore)}",
        "search": systems.as_root("ausearch -m avc -ts recent"),
    }


@entry(5, "exited with status 3", "")
def crash_loop(count: int, how: str, quote: str) -> None:
    """{count} processes died one after the other; the last {how}.
    | {quote:short}
    Processes died again and again without a request under way, so the server was stopped.
    $ ./run logs -n 50
    $ ./run dev
    """


@entry(60, "")
def start_too_slow(limit: int, quote: str) -> Values:
    """No answer within {limit} seconds (START_LIMIT).
    | {quote:short}
    Apache runs and no process died: the application is still loading, or the machine is too busy.
    To keep a longer limit, write it into .env.
    $ START_LIMIT={more} ./run
    $ ./run logs -n 50
    """
    return {"more": 2 * limit}
