"""A job that runs again and again beside the requests."""

import os

from apscheduler.schedulers.background import BackgroundScheduler
from flask import Flask

app = Flask(__name__)
runs = []
scheduler = BackgroundScheduler()
scheduler.add_job(lambda: runs.append(os.getpid()), "interval", seconds=0.2)
scheduler.start()


@app.get("/")
def index():
    return {"runs": len(runs), "processes": sorted(set(runs)), "own": os.getpid()}
