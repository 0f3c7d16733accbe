"""Writes what one suite counted into its block of docs/reliability.md. Called by tests/full:

    tests/full.py SUITE LOG BEGAN COMMAND TREE

BEGAN in seconds since 1970; the first line of TREE is the commit, what follows are files that differ from it.
Counts are the lines `counted: SUITE: NUMBER WHAT` of the log; those of one WHAT are added up. Ends with 1,
and changes nothing, where nothing was counted or no test ran.
"""

import re
import sys
import time
from datetime import datetime, timezone
from pathlib import Path

PAGE = Path("docs/reliability.md")


def counted(suite, log):
    """How often what, in the order in which it was first said, and how many tests passed."""
    counts = {}
    # Of a test that runs alone the name stands before what it says.
    for number, what in re.findall(rf"counted: {suite}: (\d+) (.+)", log):
        counts[what] = counts.get(what, 0) + int(number)
    passed = re.findall(r"^test result: ok\. (\d+) passed; 0 failed", log, re.MULTILINE)
    return counts, sum(map(int, passed))


def duration(seconds):
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    parts = [(hours, "h"), (minutes, "min"), (seconds, "s")]
    first = next((at for at, (number, _) in enumerate(parts) if number), 2)
    return " ".join(f"{number} {unit}" for number, unit in parts[first : first + 2])


def block(suite, log, began, command, tree):
    """What stands between the markers; an exception where there is nothing to say."""
    counts, passed = counted(suite, log)
    if not counts or not passed:
        raise ValueError(f"{suite}: {len(counts)} counts, {passed} tests")
    commit, *changes = tree.splitlines()
    state = "with changes that are in no commit" if changes else "nothing changed"
    when = datetime.fromtimestamp(began, timezone.utc).strftime("%Y-%m-%d %H:%M UTC")
    took = duration(int(time.time()) - began)
    lines = [f"- {number:,} {what}" for what, number in counts.items()]
    lines.append(f"- {passed:,} {'test' if passed == 1 else 'tests'} of the suite passed")
    return "\n".join(lines) + (
        f"\n\n{when}, in {took}, commit `{commit}`, {state}. Again:\n"
        f"`{command}`"
    )


def main(suite, log, began, command, tree):
    log = Path(log).read_text(encoding="utf-8", errors="replace")
    inner = block(suite, log, int(began), command, tree)
    page = PAGE.read_text(encoding="utf-8")
    place = re.compile(rf"(<!-- full: {suite} -->\n).*?(<!-- /full -->)", re.DOTALL)
    page, found = place.subn(lambda it: f"{it[1]}{inner}\n{it[2]}", page)
    if found != 1:
        raise ValueError(f"{PAGE} has {found} blocks for {suite}")
    PAGE.write_text(page, encoding="utf-8")
    print(inner, file=sys.stderr)


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except ValueError as error:
        sys.exit(f"tests/full.py: {error}")
