"""Messages in both directions."""

from flask import Flask
from flask_socketio import SocketIO, emit

app = Flask(__name__)
socketio = SocketIO(app)


@socketio.on("message")
def message(text):
    emit("answer", text.upper(), broadcast=True)
