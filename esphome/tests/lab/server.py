"""The place where images are downloaded from, with every bad habit a server can have."""

import contextlib
import http.server
import threading
import time

# In how many pieces a file comes, and the seconds between two: ten seconds for the whole of it, or for ever.
PACES = {"slow": (200, 0.05), "trickle": (100_000, 2.0)}


class ImageServer:
    """Serves files from memory; names decide what goes wrong."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.requests: list[str] = []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: object) -> None:
                pass

            def do_GET(self) -> None:
                outer.requests.append(self.path)
                habit, _, name = self.path.strip("/").partition("/")
                data = outer.files.get(name)
                if data is None:
                    self.send_error(404)
                    return
                if habit == "moved":
                    self.send_response(302)
                    self.send_header("Location", f"/good/{name}")
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                    return
                if habit == "silent":
                    time.sleep(25)
                    return
                self.send_response(200)
                if habit == "chunked":
                    self.send_header("Transfer-Encoding", "chunked")
                    self.end_headers()
                    self.wfile.write(b"4\r\nabcd\r\n0\r\n\r\n")
                    return
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                if habit == "cut":
                    self.wfile.write(data[: len(data) // 2])
                    self.close_connection = True
                elif habit in PACES:
                    pieces, pause = PACES[habit]
                    step = len(data) // pieces + 1
                    with contextlib.suppress(OSError):
                        for at in range(0, len(data), step):
                            self.wfile.write(data[at : at + step])
                            self.wfile.flush()
                            time.sleep(pause)
                else:
                    self.wfile.write(data)

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.port = self.http.server_address[1]
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    def url(self, habit: str, name: str) -> str:
        """Where to find a file."""
        return f"http://127.0.0.1:{self.port}/{habit}/{name}"

    def close(self) -> None:
        """Stop serving."""
        self.http.shutdown()
        self.http.server_close()
