import os

import jobs
from flask import Flask
from redis import Redis
from rq import Queue

app = Flask(__name__)
queue = Queue(connection=Redis.from_url(os.environ.get("RQ_REDIS_URL", "redis://localhost")))


@app.post("/jobs")
def add() -> str:
    return queue.enqueue(jobs.whoami).id


@app.get("/jobs/<name>")
def result(name: str) -> str:
    job = queue.fetch_job(name)
    return str(job.return_value()) if job else "gone"
