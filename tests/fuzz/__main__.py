"""`make fuzz`: mutate the fixtures against each adapter, EXECUTIONS times each, and stop at the first breach.

A breach leaves the delivery in `.leadline/fuzz/`, from where `python -m tests.fuzz --again FILE ADAPTER` runs it.
"""

import argparse
import hashlib
import random
import sys
import time
from pathlib import Path

from tests.fuzz.adapters import ADAPTERS, LONGEST_SECONDS, Tally, examine, seeds
from tests.fuzz.mutations import Mutator

FOLDER = Path(".leadline/fuzz")
_REPORT_SECONDS = 30


def fuzz(adapter: str, executions: int, seed: int) -> Tally:
    """Examine mutated deliveries one after the other; what breaks is kept, named and raised."""
    mutator, tally = Mutator(seeds(adapter), random.Random(seed)), Tally()
    begun = reported = time.monotonic()
    for number in range(1, executions + 1):
        raw = mutator.delivery()
        longest = tally.longest
        try:
            examine(adapter, raw, tally)
        except Exception:
            print(
                f"{adapter}: execution {number} of seed {seed} broke; it is kept in {_keep(adapter, raw)}", flush=True
            )
            raise
        if tally.longest > max(longest, LONGEST_SECONDS):
            print(f"{adapter}: {tally.longest * 1000:.0f} ms for {_keep(adapter, raw)}", flush=True)
        if (now := time.monotonic()) - reported > _REPORT_SECONDS:
            reported = now
            print(f"{adapter}: {number} executions, {number / (now - begun):.0f} a second", flush=True)
    return tally


def _keep(adapter: str, raw: bytes) -> Path:
    FOLDER.mkdir(parents=True, exist_ok=True)
    file = FOLDER / f"{adapter}-{hashlib.sha256(raw).hexdigest()[:12]}"
    file.write_bytes(raw)
    return file


def main() -> int:
    """Fuzz the chosen adapters, or run one kept delivery again."""
    parser = argparse.ArgumentParser(prog="make fuzz")
    parser.add_argument("adapters", nargs="*", help=f"of {', '.join(ADAPTERS)}; all of them when none is named")
    parser.add_argument("--executions", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(2**32))
    parser.add_argument("--again", type=Path, help="run this kept delivery against one adapter")
    chosen = parser.parse_args()
    for adapter in chosen.adapters or ADAPTERS:
        if adapter not in ADAPTERS:
            parser.error(f"{adapter} is none of {', '.join(ADAPTERS)}")
        if chosen.again:
            examine(adapter, chosen.again.read_bytes(), tally := Tally())
        else:
            tally = fuzz(adapter, chosen.executions, chosen.seed)
        kinds = ", ".join(f"{name} {count}" for name, count in tally.outcomes.most_common(12))
        print(
            f"{adapter}: no breach; {tally.items} items, the slowest {tally.longest * 1000:.0f} ms; {kinds}", flush=True
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
