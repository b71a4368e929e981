"""The page at / that says what this is and what it holds; plain HTML, no script."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from lineportal.simulator.clock import written
from lineportal.simulator.world import World

_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>LINE simulator</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem;
  padding: 0 1rem }}
table {{ border-collapse: collapse; width: 100% }}
th, td {{ text-align: left; padding: .25rem .75rem .25rem 0; border-bottom: 1px solid #ddd;
  overflow-wrap: anywhere }}
</style>
<h1>LINE simulator</h1>
<p>This is not LINE. It answers like the LINE Messaging API and LINE notification messages, by
LINE's published rules, for tests and demonstrations; nobody gets a message. Point your program's
LINE base address here. It is steered by JSON under <code>/simulator/</code>.</p>
<p><a href="/phone/">Phones: play the customer</a></p>
<p>Clock: <strong>{now}</strong>. People: <strong>{people}</strong>{counts}.
Requests: <strong>{requests}</strong>, of which accepted messages:
<strong>{accepted}</strong>. Delivered: <strong>{delivered}</strong>.</p>
<h2>Channels</h2>
{channels}
<h2>Last requests</h2>
{last}
</html>
"""


def drawn(world: World) -> str:
    """Return the page."""
    counts, people = world.log.counted(), world.people.counted()
    words = [f"{n:,} {name}" for kind in people.values() for name, n in sorted(kind.items())]
    return _PAGE.format(
        now=written(world.clock.now()),
        people=f"{len(world.people):,}",
        counts=escape(f" ({', '.join(words)})" if words else ""),
        requests=f"{counts['count']:,}",
        accepted=f"{counts['accepted']:,}",
        delivered=f"{world.delivery.totals.delivered:,}",
        channels=_table(
            ("Channel", "Name", "Country", "Webhook address"),
            (
                (c.id, c.display_name, c.country, c.webhook_url or "none")
                for c in world.channels.by_id.values()
            ),
            empty="None yet: PUT /simulator/channels/{channel id} adds one.",
        ),
        last=_table(
            ("No.", "At", "Request", "Answer", "Fault"),
            (
                (
                    str(e.n),
                    written(e.at),
                    f"{e.method} {e.path[:200]}",
                    "none" if e.status is None else str(e.status),
                    e.fault or "",
                )
                for e in world.log.newest(20)
            ),
            empty="None yet.",
        ),
    )


def _table(heads: Iterable[str], rows: Iterable[tuple[str, ...]], *, empty: str) -> str:
    lines = [_row("td", row) for row in rows]
    if not lines:
        return f"<p>{escape(empty)}</p>"
    return f"<table>{_row('th', heads)}{''.join(lines)}</table>"


def _row(tag: str, cells: Iterable[str]) -> str:
    # Paths may hold bytes that are no UTF-8.
    texts = (cell.encode("utf-8", "replace").decode() for cell in cells)
    return "<tr>" + "".join(f"<{tag}>{escape(text)}</{tag}>" for text in texts) + "</tr>\n"
