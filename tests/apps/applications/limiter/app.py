"""Three requests an hour for each address, counted in memory."""

from flask import Flask
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address

app = Flask(__name__)
limiter = Limiter(get_remote_address, app=app, storage_uri="memory://", headers_enabled=True)


@app.get("/")
@limiter.limit("3/hour")
def index():
    return "welcome"
