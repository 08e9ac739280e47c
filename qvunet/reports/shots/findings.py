"""What the figures say, in sentences made from them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from qvunet.reports.shots.store import Record
from qvunet.reports.shots.tables import eps_by_shots, flat_rows, interval, percent, training_rows

NEGLIGIBLE = 0.01
"""Error of eps, as a fraction of the exact network's own error, that is called small."""

GOOD_COSINE = 0.95
"""Cosine to the exact gradient that is called good."""


def layer_findings(records: Sequence[Record]) -> Iterator[str]:
    """Whether ideal executors show shot noise alone, and what a device adds."""
    ideal = [p for r in records if not r["spec"]["executor"]["noise_model"] for p in r["result"]["points"]]
    if ideal:
        ratios = [point["rmse"] / point["expected"] for point in ideal]
        yield (
            f"Without device noise the RMSE is {min(ratios):.2f} to {max(ratios):.2f} times "
            f"sqrt((1 - <Z>²) / shots): counting noise and nothing else."
        )
    for record in records:
        if not record["spec"]["executor"]["noise_model"]:
            continue
        best = record["result"]["points"][-1]
        if best["systematic"] <= best["systematic_limit"]:
            yield (
                f"{record['title']}: no systematic error seen; with {best['shots']:,} shots and so few rows "
                f"one below {best['systematic_limit']:.3f} hides in the shot noise."
            )
        else:
            crossing = (best["expected"] / best["systematic"]) ** 2 * best["shots"]
            yield (
                f"{record['title']}: a systematic error of {best['systematic']:.3f} stays, however many "
                f"shots; above about {_rounded(crossing)} shots it exceeds the shot noise."
            )


def eps_findings(records: Sequence[Record]) -> Iterator[str]:
    """How many shots make the error of eps small, for trained networks; the range of fresh ones."""
    fresh = []
    for record in records:
        rows, title = eps_by_shots([record]), record["title"]
        first, last = rows[0], rows[-1]
        enough = next((row["shots"] for row in rows if row["relative"] <= NEGLIGIBLE), None)
        if record["spec"]["network"]["source"] == "fresh":
            fresh.append((first["relative"], title, first["shots"]))
        elif enough is not None:
            yield (
                f"{title}: {enough:,} shots keep the error of eps below {percent(NEGLIGIBLE)} of the exact "
                f"network's own error; at {first['shots']:,} shots it is {percent(first['relative'])}."
            )
        else:
            needed = last["shots"] * (last["relative"] / NEGLIGIBLE) ** 2
            yield (
                f"{title}: at {last['shots']:,} shots the error of eps is {percent(last['relative'])} of the "
                f"exact network's own error; about {_rounded(needed)} would make it {percent(NEGLIGIBLE)}."
            )
    if fresh:
        (low, least, shots), (high, most, _) = min(fresh), max(fresh)
        yield (
            f"Fresh networks: the error of eps at {shots:,} shots is {percent(low)} ({least}) to "
            f"{percent(high)} ({most}) of the network's own error."
        )


def gradient_findings(records: Sequence[Record]) -> Iterator[str]:
    """What each method that runs on hardware needs for a good gradient."""
    for record in records:
        points = [point for point in record["result"]["points"] if point["of"] == "weights"]
        said = []
        for method in dict.fromkeys(point["method"] for point in points if point["method"] != "surrogate"):
            some = [point for point in points if point["method"] == method]
            enough = next((p["executions"] for p in some if p["cosine"] >= GOOD_COSINE), None)
            reach = f"from {enough:,} on" if enough else f"not (at most {some[-1]['cosine']:.2f})"
            said.append(f"{method} {reach}")
        yield (
            f"{record['title']}: executions a row for a cosine of {GOOD_COSINE} in the weights: "
            f"{'; '.join(said)}."
        )


def training_findings(records: Sequence[Record]) -> Iterator[str]:
    """How far noise moves the result of training."""
    rows = training_rows(records)
    for exact in (row for row in rows if row["shots"] is None):
        others = [r for r in rows if r["network"] == exact["network"] and r["shots"] is not None]
        if others:
            relative = {f"{r['method']}, {r['shots']:,} shots": r["holdout_loss"] / exact["holdout_loss"] - 1
                        for r in others}  # fmt: skip
            name = max(relative, key=lambda key: abs(relative[key]))
            yield (
                f"{exact['network']}: after {exact['steps']} steps the held-out loss differs from exact "
                f"training by at most {abs(relative[name]):.2%} ({name})."
            )


def image_findings(records: Sequence[Record]) -> Iterator[str]:
    """From how many shots on the images are as good as exact ones."""
    for record in records:
        rows = [row for row in flat_rows([record]) if row["shots"] is not None]
        worse = [row["shots"] for row in rows if row["difference"]["low"] > 0]
        said = (
            "at no number of shots is KID above that of exact circuits by more than its interval"
            if not worse
            else f"KID is above that of exact circuits at {', '.join(f'{s:,}' for s in worse)} shots"
        )
        few = rows[0]
        yield (
            f"{record['title']}: {said}; at {few['shots']:,} shots the difference is "
            f"{interval(few['difference'], '+.2g')} and the pixels' RMSE {few['pixel_rmse']:.2g}."
        )


def _rounded(number: float) -> str:
    """Two digits are all that such an estimate has."""
    return f"{float(f'{number:.2g}'):,.0f}"
