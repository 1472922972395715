"""The build of a front end at the root; every other address is one of its pages."""

from flask import Flask

app = Flask(__name__, static_folder="build", static_url_path="")


@app.get("/api/name")
def name():
    return {"name": "Ann"}


@app.get("/")
@app.errorhandler(404)
def page(error=None):
    return app.send_static_file("index.html")
