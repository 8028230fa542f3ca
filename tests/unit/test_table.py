from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rocker.errors import InvalidArgumentError
from rocker.formatting.table import Listing, align, gather_filters, parse_filter, render_columns

CELLS = st.text(st.characters(codec="ascii", categories=("L", "N")), max_size=20)
LISTING = Listing(
    {"ID": "THING ID", "Name": "NAME"},
    {
        "ID": lambda row: row[0],
        "Name": lambda row: row[1],
        "Label": lambda row: lambda key: f"{row[0]}-{key}",
    },
    ["ID", "Name"],
    go_type="*formatter.thing",
)
ROWS = [("1", "one"), ("2", "two")]


def render(form: str, **more: str) -> list[str]:
    return "\n".join(LISTING.render(ROWS, form, **more)).split("\n")


def test_a_table_has_a_heading_and_columns_three_blanks_apart() -> None:
    assert render("") == ["THING ID   NAME", "1          one", "2          two"]


def test_a_short_column_is_ten_wide() -> None:
    assert render_columns([["A", "B"], ["1", "2"]]) == "A         B\n1         2"


def test_quiet_shows_one_field_alone() -> None:
    assert render("", quiet="ID") == ["1", "2"]


def test_a_template_is_rendered_for_each_row_without_heading() -> None:
    assert render("{{.ID}}:{{.Name}}") == ["1:one", "2:two"]


def test_a_table_template_has_a_heading_of_its_fields() -> None:
    assert render("table {{.Name}}\\t{{.ID}}") == ["NAME      THING ID", "one       1", "two       2"]


def test_functions_leave_the_heading_alone() -> None:
    assert render("table {{upper .Name}}") == ["NAME", "ONE", "TWO"]


def test_a_label_heads_its_column_with_its_last_part() -> None:
    assert render('table {{.Label "com.x.part"}}') == ["part", "1-com.x.part", "2-com.x.part"]


def test_json_is_one_object_a_line_with_sorted_names() -> None:
    assert [json.loads(line) for line in render("json")] == [
        {"ID": "1", "Name": "one"},
        {"ID": "2", "Name": "two"},
    ]
    assert render("{{json .}}")[0] == '{"ID":"1","Name":"one"}'


def test_an_unknown_field_is_named() -> None:
    words = 'template: :1:2: executing "" at <.Nope>: can\'t evaluate field Nope in type *formatter.thing'
    with pytest.raises(InvalidArgumentError) as caught:
        render("{{.Nope}}")
    assert str(caught.value) == words
    for form in ("{{.Nope}}", "table {{.ID}}\\t{{.Nope}}", '{{if eq .ID ""}}{{.Nope}}{{end}}'):
        with pytest.raises(InvalidArgumentError, match="can't evaluate field Nope in type"):
            LISTING.check(form, ("", ""))


def test_a_template_is_not_refused_for_what_an_object_without_content_lacks() -> None:
    for form in ("", "table", "json", "{{.ID}}", '{{.Label "x"}}', "table {{.Name}}", "{{slice .ID 0 4}}"):
        LISTING.check(form, ("", ""))
    with pytest.raises(InvalidArgumentError, match="template parsing error"):
        LISTING.check("{{.ID", ("", ""))


@given(st.lists(st.tuples(CELLS, CELLS, CELLS), min_size=1))
def test_every_column_starts_at_the_same_place_and_nothing_is_lost(rows: list[tuple[str, str, str]]) -> None:
    lines = render_columns(rows).split("\n")
    first = max(10, *(len(row[0]) + 3 for row in rows))
    second = first + max(10, *(len(row[1]) + 3 for row in rows))
    for line, row in zip(lines, rows, strict=True):
        assert (line[:first].rstrip(), line[first:second].rstrip(), line[second:]) == row


@given(st.lists(st.tuples(CELLS, CELLS), min_size=1))
def test_aligned_text_is_the_table_of_its_cells(rows: list[tuple[str, str]]) -> None:
    assert align("\n".join("\t".join(row) for row in rows)) == render_columns(rows)


def test_filters_are_gathered_by_name_and_unknown_ones_refused() -> None:
    assert gather_filters([parse_filter("Name=a"), parse_filter("name=b")], ["name"]) == {"name": ["a", "b"]}
    with pytest.raises(InvalidArgumentError, match="invalid filter 'x'"):
        gather_filters([("x", "1")], ["name"])
    with pytest.raises(InvalidArgumentError, match=r"bad format of filter \(expected name=value\)"):
        parse_filter("name")
