"""All benchmarks in one run: ``python benchmarks/run.py``. They print ratios, taken in this one run."""

from __future__ import annotations

import bench_advisories
import bench_identity
import bench_recovery
import bench_report
import bench_startup

BENCHMARKS = (bench_startup.main, bench_advisories.main, bench_report.main, bench_identity.main, bench_recovery.main)


def main() -> None:
    """Run every benchmark."""
    for benchmark in BENCHMARKS:
        benchmark()
        print()


if __name__ == "__main__":
    main()
