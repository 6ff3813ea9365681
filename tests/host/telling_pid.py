"""The smallest application: it answers with the id of the process that serves it. `main` plays `township serve`."""

import asyncio
import os
import sys

from app.host.listening import bind, listen
from app.host.supervision import Supervisor

NAME = "tests.host.telling_pid:create"


def create():
    async def application(scope, receive, send):
        if scope["type"] == "lifespan":
            if os.environ.get("FAIL_TO_START"):
                raise RuntimeError("told to fail")
            while True:
                message = await receive()
                await send({"type": f"{message['type']}.complete"})
                if message["type"] == "lifespan.shutdown":
                    return
        if scope["path"] == "/slow":
            await asyncio.sleep(0.6)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": str(os.getpid()).encode()})

    return application


def announce(url):
    print(f"serving on {url}", flush=True)


def main():
    workers = int(sys.argv[1])
    if workers > 1:
        sys.exit(Supervisor(NAME, "127.0.0.1", 0, workers).run(announce))
    bound = bind("127.0.0.1", 0, shared=False)
    listen(NAME, bound, lambda: announce(f"http://127.0.0.1:{bound.getsockname()[1]}"))


if __name__ == "__main__":
    main()
