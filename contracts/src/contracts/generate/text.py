"""How generated files are written: one form, so that the same contracts give the same bytes."""

import json
from collections.abc import Iterable, Mapping
from typing import Any


def json_text(value: Any) -> str:
    """Indented JSON in the scripts it is written in, with a last newline."""
    return json.dumps(value, ensure_ascii=False, indent=2) + "\n"


def code_list_text(name: str, *, version: int, source: str, rows: Iterable[Mapping[str, Any]]) -> str:
    """One code per line, so that a changed label is a changed line."""
    lines = ",\n".join("    " + json.dumps(row, ensure_ascii=False) for row in rows)
    head = "".join(
        f"  {json.dumps(key)}: {json.dumps(value, ensure_ascii=False)},\n"
        for key, value in {"list": name, "version": version, "source": source}.items()
    )
    return f'{{\n{head}  "codes": [\n{lines}\n  ]\n}}\n'
