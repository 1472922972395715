"""Replaces Python's threads and sleep by gevent's."""

from gevent import monkey

monkey.patch_all()

import threading  # noqa: E402
import time  # noqa: E402

from flask import Flask  # noqa: E402

app = Flask(__name__)


@app.get("/")
def index() -> str:
    said = []
    thread = threading.Thread(target=lambda: said.append(type(threading.Lock()).__module__))
    thread.start()
    thread.join()
    return said[0]


@app.get("/stream")
def stream():
    for word in ("one ", "two"):
        time.sleep(0.05)
        yield word


@app.get("/sleep")
def sleep() -> str:
    time.sleep(60)
    return "slept"
