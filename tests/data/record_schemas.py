"""Records ``vendure-VERSION.differences`` from the real servers, for every version but 3.7.3:

PYTHONPATH=tests python tests/data/record_schemas.py
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from graphql import build_client_schema, get_introspection_query
from realvendure import RealVendure
from vendure_bed import DEFAULT_VERSION, VERSIONS, Options, new_server
from vendure_schemas import differences, differences_file


def main() -> None:
    for version in VERSIONS:
        if version != DEFAULT_VERSION:
            record(version)


def record(version: str) -> None:
    with TemporaryDirectory() as folder:
        options = Options(version=version, variants=1)
        server = new_server(Path(folder) / "seeds", options, Path(folder) / "data")
        try:
            vendure = RealVendure(server.start(), server)
            schema = build_client_schema(vendure.admin(get_introspection_query()))
            vendure.close()
        finally:
            server.stop()
    title = f"# The Admin API of Vendure {version} compared with that of {DEFAULT_VERSION}"
    text = "\n".join([title, *differences(schema)])
    differences_file(version).write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
