"""What is different on macOS."""

from pathlib import Path

from .catalogue import entry


@entry("/Library/Developer/CommandLineTools/usr/bin/python3")
def apple_python(path: str) -> None:
    """{path} is Apple's own Python.
    Apache cannot find the library of this Python, and an update of Xcode replaces this Python.
    $ brew install python && PYTHON="$(brew --prefix)/bin/python3" ./run setup
    """


@entry("/usr/sbin/httpd", "enabled")
def apple_apache(path: str, protection: str) -> None:
    """{path} is Apple's own Apache (System Integrity Protection: {protection}).
    It loads only modules that Apple trusts (AH06665: no code signing authority), and its folder is
    write-protected (Operation not permitted). Xcode does not help.
    $ brew install httpd && APXS="$(brew --prefix)/bin/apxs" ./run setup --rebuild
    """


@entry()
def developer_tools_missing() -> None:
    """The command line tools are not installed (xcrun: invalid active developer path).
    mod_wsgi is compiled on the machine it runs on. The full Xcode is not needed.
    $ xcode-select --install    # when it is done: ./run setup
    """


@entry(Path("mod_wsgi-py313.so"), "@rpath/Python3.framework/Versions/3.9/Python3")
def relocatable_library(module: Path, library: str) -> None:
    """{module} needs {library}, which Apache cannot find.
    The Pythons of Xcode and of Anaconda give the path of their library relative to their own
    program. Those of Homebrew, python.org and uv do not.
    $ brew install python && PYTHON="$(brew --prefix)/bin/python3" ./run setup --rebuild
    """
