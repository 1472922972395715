"""What is different on macOS."""

from pathlib import Path

from .problem import Problem, example


@example("/Library/Developer/CommandLineTools/usr/bin/python3")
def apple_python(path: str) -> Problem:
    return Problem(
        "apple-python",
        f"{path} is Apple's own Python.",
        "Its library is found only from within Xcode's tools, not from within Apache, and an update"
        " of Xcode replaces it.",
        ["brew install python", 'PYTHON="$(brew --prefix)/bin/python3" ./run setup'],
    )


@example("/usr/sbin/httpd", "enabled")
def apple_apache(path: str, protection: str) -> Problem:
    return Problem(
        "apple-apache",
        f"{path} is Apple's own Apache (System Integrity Protection: {protection}).",
        "It loads only modules that Apple trusts (AH06665: no code signing authority), and its"
        " folder is write-protected (Operation not permitted). Xcode does not help.",
        ["brew install httpd", 'APXS="$(brew --prefix)/bin/apxs" ./run setup --rebuild'],
    )


@example()
def developer_tools_missing() -> Problem:
    return Problem(
        "developer-tools-missing",
        "The command line tools are not installed (xcrun: invalid active developer path).",
        "mod_wsgi is compiled on the machine it runs on. The full Xcode is not needed.",
        ["xcode-select --install", "./run setup"],
    )


@example(Path("mod_wsgi-py313.so"), "@rpath/Python3.framework/Versions/3.9/Python3")
def library_relocatable(module: Path, library: str) -> Problem:
    return Problem(
        "library-relocatable",
        f"{module} asks for {library}, which Apache cannot find.",
        "Pythons of Xcode and of Anaconda name their library relative to their own program."
        " Homebrew's, python.org's and uv's do not.",
        ["brew install python", 'PYTHON="$(brew --prefix)/bin/python3" ./run setup --rebuild'],
    )
