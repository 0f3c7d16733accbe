"""What is backed up: photos that nothing compresses and a dump that much of compresses, or very many small files."""
import os
import random
import sys


def photos(folder, total=int(os.environ.get("PHOTOS_TOTAL", 2_000_000_000))):
    """Some 560 originals, a few of 20 to 80 MB, and a dump of 76 MB; `total` bytes in all."""
    dice, written, number = random.Random(7), 0, 0
    os.makedirs(folder)
    with open(f"{folder}/dump.sql", "w") as dump:
        while written < 76_000_000:
            numbers = ",".join(f"{dice.gauss(0, 0.04):.7f}" for _ in range(64))
            written += dump.write(f"{dice.randbytes(16).hex()}\tupload/{number}.jpg\t[{numbers}]\n")
            number += 1
    number = 0
    while written < total:
        large = dice.random() < 0.02
        size = dice.randint(20_000_000, 80_000_000) if large else int(2.2e6 * dice.lognormvariate(0, 0.5))
        place = f"{folder}/{number // 50:03}"
        os.makedirs(place, exist_ok=True)
        with open(f"{place}/{number:05}.jpg", "wb") as file:
            file.write(os.urandom(size))
        written, number = written + size, number + 1


def small(folder, files=200_000):
    """Files of 2 kB, a thousand to a folder."""
    for number in range(files):
        place = f"{folder}/{number // 1000:03}"
        os.makedirs(place, exist_ok=True)
        with open(f"{place}/{number:06}", "wb") as file:
            file.write(os.urandom(2048))


if __name__ == "__main__":
    {"photos": photos, "small": small}[sys.argv[1]](sys.argv[2])
