"""One file, as most begin: static files beside it, uploads, downloads, a stream of events."""

import hashlib
import time
from pathlib import Path

from flask import Flask, Response, request, send_file

app = Flask(__name__)
Path(app.instance_path).mkdir(exist_ok=True)
stored = Path(app.instance_path, "upload.bin")
go_on = Path(app.instance_path, "go-on")


@app.get("/")
def index():
    return app.send_static_file("index.html")


@app.post("/upload")
def upload():
    request.files["file"].save(stored)
    return {"sha256": hashlib.sha256(stored.read_bytes()).hexdigest(), **request.form}


@app.get("/download")
def download():
    return send_file(stored, as_attachment=True, download_name="again.bin", conditional=True)


@app.get("/events")
def events():
    def stream():
        yield "data: first\n\n"
        while not go_on.exists():
            time.sleep(0.05)
        yield "data: second\n\n"

    return Response(stream(), mimetype="text/event-stream")


@app.post("/go-on")
def let_it_go_on():
    go_on.touch()
    return "", 204
