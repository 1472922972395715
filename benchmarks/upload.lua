-- POST 100,000 bytes.
wrk.method = "POST"
wrk.body = string.rep("x", 100000)
wrk.headers["Content-Type"] = "application/octet-stream"
