"""Messages in both directions."""

from flask import Flask
from flask_socketio import SocketIO, emit

app = Flask(__name__)
socketio = SocketIO(app)


@app.get("/")
def index():
    return app.send_static_file("index.html")


@socketio.on("message")
def message(text):
    emit("answer", text.upper(), broadcast=True)
