"""What offsite wants to reach, by case, and the tables that hold it against what was seen."""
import statistics
from typing import NamedTuple

COLUMNS = ["first backup", "unchanged", "verify", "restore", "one photo"]
OURS, BY_WORDS = "offsite", "offsite, 24 words"


class Ratio(NamedTuple):
    """Our wall clock over that of another in the same round, at most so much; `aim` is better still."""

    column: str
    other: str
    bound: float
    aim: float = None

    def __str__(self):
        aim = f" (aim {self.aim})" if self.aim else ""
        return f"{self.column}: offsite / {self.other} at most {self.bound}{aim}"

    def seen(self, figures):
        ours, others = (figures.get(row, {}).get(self.column, {}) for row in (OURS, self.other))
        return [ours[it].wall / others[it].wall for it in ours if it in others]

    def is_reached(self, value):
        return value <= self.bound


class Seconds(NamedTuple):
    """Our wall clock, at most so much."""

    row: str
    column: str
    bound: float

    def __str__(self):
        return f"{self.column}: {self.row}, at most {self.bound} s"

    def seen(self, figures):
        return [it.wall for it in figures.get(self.row, {}).get(self.column, {}).values()]

    def is_reached(self, value):
        return value <= self.bound


class Peak(NamedTuple):
    """Our resident memory, at most 150 MiB, where no passphrase takes its 256."""

    row: str
    column: str

    def __str__(self):
        return f"{self.column}: {self.row}, peak at most 150 MiB"

    def seen(self, figures):
        return [it.peak for it in figures.get(self.row, {}).get(self.column, {}).values()]

    def is_reached(self, value):
        return value <= 150


class Cores(NamedTuple):
    """CPU over wall clock: how many processors were busy on average, at least so many."""

    column: str
    bound: float

    def __str__(self):
        return f"{self.column}: at least {self.bound} processors busy"

    def seen(self, figures):
        return [it.cpu / it.wall for it in figures.get(OURS, {}).get(self.column, {}).values()]

    def is_reached(self, value):
        return value >= self.bound


PEAKS = [Peak(OURS, "first backup"), Peak(OURS, "unchanged"), Peak(BY_WORDS, "verify"), Peak(BY_WORDS, "restore")]
TARGETS = {
    "photos": [
        Ratio("first backup", "bupstash", 0.65, 0.5),
        Ratio("first backup", "rustic", 0.42, 0.35),
        Seconds(OURS, "unchanged", 0.15),
        Ratio("verify", "rustic", 0.6),
        Ratio("restore", "rustic", 0.5, 0.4),
        *PEAKS,
    ],
    "small": [
        Ratio("first backup", "restic", 0.45),
        Ratio("unchanged", "find", 2),
        Ratio("restore", "restic", 0.6),
        *PEAKS,
    ],
    "large": [Cores("first backup", 1.7), *PEAKS],
    "s3": [
        Ratio("first backup", "rustic", 0.85),
        Ratio("first backup", "rclone", 1),
        Ratio("restore", "rclone", 1.2),
        Seconds(BY_WORDS, "one photo", 0.3),
        *PEAKS,
    ],
}


def tables(case, figures):
    """Three tables of Markdown: medians, ratios, targets. `figures` is by row, column and round."""
    return "\n\n".join(filter(None, [medians(figures), ratios(figures), reached(TARGETS[case], figures)]))


def medians(figures):
    def cell(runs):
        wall, cpu, peak = map(statistics.median, zip(*runs.values()))
        return f"{wall:.2f} s / {cpu:.2f} / {peak:.0f} MiB"

    return grid("wall / CPU s / peak", figures, cell)


def ratios(figures):
    ours = figures.get(OURS, {})

    def quotients(column, runs):
        both = [(ours[column][it], runs[it]) for it in runs if it in ours.get(column, {})]
        return both and " / ".join(f"{statistics.median(getattr(a, of) / getattr(b, of) for a, b in both):.2f}"
                                   for of in ("wall", "cpu"))

    others = {row: {column: {column: runs} for column, runs in columns.items()}
              for row, columns in figures.items() if row not in (OURS, BY_WORDS)}
    return others and grid("offsite over: wall / CPU", others, lambda runs: quotients(*runs.popitem()))


def grid(corner, figures, cell):
    """One line a row of the figures, one column a step that any of them has."""
    columns = [it for it in COLUMNS if any(it in row for row in figures.values())]
    lines = [f"| {corner} | " + " | ".join(columns) + " |", "|---|" + "---|" * len(columns)]
    for name, row in figures.items():
        lines.append(f"| {name} | " + " | ".join(row.get(it) and cell(row[it]) or "–" for it in columns) + " |")
    return "\n".join(lines)


def reached(targets, figures):
    """What each round gave for each target; its median decides."""
    lines = ["| held against | median | least to most | |", "|---|---|---|---|"]
    for target in targets:
        seen = target.seen(figures)
        if not seen:
            lines.append(f"| {target} | – | – | not measured |")
            continue
        middle = statistics.median(seen)
        word = "reached" if target.is_reached(middle) else "**missed**"
        if getattr(target, "aim", None) and middle <= target.aim:
            word = "aim reached"
        lines.append(f"| {target} | {middle:.2f} | {min(seen):.2f} to {max(seen):.2f} | {word} |")
    return "\n".join(lines)
