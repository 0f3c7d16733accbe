"""What is backed up: photos that nothing compresses and a dump of which much can be compressed, very many small
files, or one large one. `sources.py KIND FOLDER NUMBER`."""
import os
import random
import sys


def photos(folder, total):
    """`total` bytes; of 2 GB 4 % are a dump, the rest some 560 originals, a few of them of 20 to 80 MB."""
    dice, written, number = random.Random(7), 0, 0
    os.makedirs(folder)
    with open(f"{folder}/dump.sql", "w") as dump:
        while written < total * 38 // 1000:
            numbers = ",".join(f"{dice.gauss(0, 0.04):.7f}" for _ in range(64))
            written += dump.write(f"{dice.randbytes(16).hex()}\tupload/{number}.jpg\t[{numbers}]\n")
            number += 1
    number = 0
    while written < total:
        large = dice.random() < 0.02
        size = dice.randint(20_000_000, 80_000_000) if large else int(2.2e6 * dice.lognormvariate(0, 0.5))
        # In a library that was made small to try things out, one video is not everything.
        write(f"{folder}/{number // 50:03}/{number:05}.jpg", min(size, total // 10))
        written, number = written + size, number + 1


def small(folder, files):
    """Files of 2 kB, a thousand to a folder."""
    for number in range(files):
        write(f"{folder}/{number // 1000:03}/{number:06}", 2048)


def large(folder, total):
    """One file."""
    write(f"{folder}/video.mov", total)


def write(path, length):
    """Random bytes, a part at a time."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        while length > 0:
            length -= file.write(os.urandom(min(length, 1 << 24)))


if __name__ == "__main__":
    {"photos": photos, "small": small, "large": large}[sys.argv[1]](sys.argv[2], int(sys.argv[3]))
