"""Prints every function the engine knows, one a line, for src/allow/functions.txt.

Usage: CHDB_LIBRARY=... python3 list_functions.py > ../../src/allow/functions.txt
A line is a name and its marks: a = aggregate, i = in any case, h = takes functions as arguments, c = combinator.
What may not be called although it is listed stands in src/allow/functions.rs, with reasons.
"""

from engine import Engine

QUERY = """
SELECT name, max(is_aggregate), max(case_insensitive), max(ifNull(higher_order, 0))
FROM system.functions WHERE NOT startsWith(name, '__') GROUP BY name ORDER BY name
"""


def main():
    engine = Engine()
    print("# The functions of engine " + engine.query("SELECT version()").decode().strip() + ", made by tests/tools/list_functions.py")
    for line in engine.query(QUERY, "TSV").decode().splitlines():
        name, aggregate, insensitive, higher = line.split("\t")
        marks = "a" * int(aggregate) + "i" * int(insensitive) + "h" * int(higher)
        print(f"{name} {marks}".rstrip())
    for name in engine.query("SELECT name FROM system.aggregate_function_combinators ORDER BY name").decode().split():
        print(f"{name} c")


if __name__ == "__main__":
    main()
