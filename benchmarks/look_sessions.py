"""Wrong labels of whole sessions: how many `tlcourse.look` finds, with groups and without.

    python benchmarks/look_sessions.py

Drawn pets, three shots a session, 18 sessions per class; six whole sessions get a wrong label.
Prints, for each of six draws, how many of the 18 wrong labels are listed, and how many right ones.
"""

import numpy as np
from PIL import ImageEnhance

import tlcourse as tl
from tlcourse.data.sources import PixelSource

SESSIONS, SHOTS, WRONG, DRAWS = 18, 3, 6, 6


class Shots(PixelSource):
    def __init__(self, pixels):
        super().__init__()
        self._all = pixels

    def pixels(self, row):
        return self._all[row]

    def name(self, row):
        return str(row)


def shots(label, number, seed):
    rng = np.random.default_rng([seed, label, number])
    wide = tl.draw_pet(label, number, seed=seed, size=112)
    for _ in range(SHOTS):
        x, y = (int(shift) for shift in rng.integers(0, 17, 2))
        picture = wide.crop((x, y, x + 96, y + 96))
        yield np.asarray(ImageEnhance.Brightness(picture).enhance(rng.uniform(0.9, 1.1)))


def found(seed, grouped):
    truth = np.repeat([0, 1, 2], SESSIONS * SHOTS)
    groups = np.repeat(np.arange(3 * SESSIONS), SHOTS)
    pixels = [p for k in range(3) for n in range(SESSIONS) for p in shots(k, n, seed)]
    rng = np.random.default_rng(seed)
    wrong = np.isin(groups, rng.choice(3 * SESSIONS, WRONG, replace=False))
    labels = np.where(wrong, (truth + 1) % 3, truth)
    own = groups if grouped else None
    images = tl.ImageSet(
        ("tigger", "misty", "neither"), labels, Shots(pixels), groups=own, image_size=96
    )
    rows = [suspect.row for suspect in tl.look(images, seed=seed, progress=False).suspects]
    return int(wrong[rows].sum()), int((~wrong[rows]).sum())


if __name__ == "__main__":
    for name, grouped in (("without groups", False), ("with groups", True)):
        pairs = [found(seed, grouped) for seed in range(DRAWS)]
        print(f"{name}: wrong labels found {[a for a, _ in pairs]}, right ones doubted", end=" ")
        print([b for _, b in pairs], flush=True)
