"""`python -m lineportal.simulator`: the simulator alone, without Django or a database."""

from __future__ import annotations

import argparse
import sys

from lineportal.simulator import server


def announce(url: str) -> None:
    """Say where it listens, at once."""
    sys.stdout.write(f"LINE simulator on {url}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m lineportal.simulator")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=server.DEFAULT_PORT)
    given = parser.parse_args()
    try:
        server.serve(given.host, given.port, announce)
    except server.CannotListen as refusal:
        sys.exit(str(refusal))
