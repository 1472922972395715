"""Redirects to https and sends a policy of its own."""

from flask import Flask
from flask_talisman import Talisman

app = Flask(__name__)
Talisman(app, content_security_policy={"default-src": "'self'", "img-src": "*"})


@app.get("/")
def index():
    return "<h1>Only over https</h1>"
