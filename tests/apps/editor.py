"""What an editor says to debugpy, in the Debug Adapter Protocol.

https://microsoft.github.io/debug-adapter-protocol/specification
"""

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from serving import patience


class Editor:
    """Attached, with one breakpoint."""

    def __init__(
        self, connection: socket.socket, configuration: dict[str, Any], file: Path, line: int
    ) -> None:
        self._connection = connection
        self._answers = connection.makefile("rb")
        self._sent = 0
        self._seen: list[dict[str, Any]] = []
        self.ask("initialize", adapterID="tests")
        attached = self._send("attach", **configuration)
        self.event("initialized")
        self.ask("setBreakpoints", source={"path": str(file)}, breakpoints=[{"line": line}])
        self.ask("configurationDone")
        self._first(request_seq=attached)

    def ask(self, command: str, **arguments: Any) -> Any:
        """The body of the answer to a request."""
        answer = self._first(request_seq=self._send(command, **arguments))
        assert answer["success"], answer
        return answer.get("body")

    def event(self, name: str) -> Any:
        """The body of the next event of this name."""
        return self._first(event=name).get("body")

    def _send(self, command: str, **arguments: Any) -> int:
        self._sent += 1
        request = {"seq": self._sent, "type": "request", "command": command, "arguments": arguments}
        message = json.dumps(request).encode()
        self._connection.sendall(b"Content-Length: %d\r\n\r\n%b" % (len(message), message))
        return self._sent

    def _first(self, **wanted: Any) -> dict[str, Any]:
        """The first message with these fields, also of those that came before."""
        while True:
            for message in self._seen:
                if wanted.items() <= message.items():
                    self._seen.remove(message)
                    return message
            self._seen.append(self._received())

    def _received(self) -> dict[str, Any]:
        size = 0
        while line := self._answers.readline().strip():
            size = int(line.rpartition(b":")[2])
        message: dict[str, Any] = json.loads(self._answers.read(size))
        return message


@contextmanager
def attached(configuration: dict[str, Any], file: Path, line: int) -> Iterator[Editor]:
    """An editor that attaches to debugpy, with a breakpoint; detached in the end.

    :param configuration: One of ``.vscode/launch.json``; VS Code connects to its address, and sends
        all of it to debugpy.
    """
    address = configuration["connect"]["host"], configuration["connect"]["port"]
    with socket.create_connection(address, 20 * patience()) as connection:
        editor = Editor(connection, configuration, file, line)
        yield editor
        editor.ask("disconnect")
