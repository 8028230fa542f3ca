# ruff: noqa: RUF043 -- one case a line; properties say "right or refused"
from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from template_cases import DATA, REFUSED, RENDERED

from rocker.errors import InvalidArgumentError
from rocker.formatting.template import Template, TemplateError, TemplateSyntaxError
from rocker.formatting.template.values import Fields, Texts

_ORACLE = Path(__file__).parent / "template_oracle" / "main.go"


def ours(text: str, data: object) -> dict[str, str]:
    try:
        return {"text": Template(text).render(data)}
    except TemplateError as error:
        return {"error": str(error).removeprefix("template parsing error: ")}


@pytest.fixture(scope="module")
def oracle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if shutil.which("go") is None:
        pytest.skip("Go is not installed: its text/template is the oracle")
    program = tmp_path_factory.mktemp("oracle") / "oracle"
    subprocess.run(["go", "build", "-o", program, _ORACLE], check=True, timeout=110)
    return program


def test_every_case_renders_and_fails_as_gos_own_templates_do(oracle: Path) -> None:
    cases = [text for text in RENDERED + REFUSED if text]
    lines = "\n".join(json.dumps([text, DATA]) for text in cases)
    answer = subprocess.run([oracle], input=lines, capture_output=True, text=True, check=True, timeout=60)
    theirs = [json.loads(line) for line in answer.stdout.splitlines()]
    assert [(text, ours(text, DATA)) for text in cases] == list(zip(cases, theirs, strict=True))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{{", "template parsing error: template: :1: unclosed action"),
        ("\n{{foo}}", 'template parsing error: template: :2: function "foo" not defined'),
        ("{{.s", "template parsing error: template: :1: unclosed action"),
        ("{{if .s}}x", "template parsing error: template: :1: unexpected EOF"),
        ("{{define}}", "template parsing error: template: :1: {{define}} is not supported"),
    ],
)
def test_a_wrong_template_is_refused_with_gos_text_and_exit_code_64(text: str, message: str) -> None:
    with pytest.raises(TemplateSyntaxError) as caught:
        Template(text)
    assert str(caught.value) == message
    assert caught.value.exit_code == 64


def test_a_missing_key_of_a_map_is_no_value_and_of_an_object_an_error() -> None:
    assert Template("{{.nope}}").render({}) == "<no value>"
    with pytest.raises(TemplateError, match='executing "" at <.Nope>: map has no entry for key "Nope"'):
        Template("{{.Nope}}").render(Fields(Name="x"))


def test_index_of_a_missing_label_is_empty() -> None:
    assert Template('[{{index . "x"}}]').render(Texts(y="z")) == "[]"


def test_a_field_may_be_a_function_with_an_argument() -> None:
    assert Template('{{.Label "a.b"}}').render(Fields(Label=lambda name: f"<{name}>")) == "<a.b>"


def test_nesting_without_end_is_refused_not_a_crash() -> None:
    with pytest.raises(TemplateSyntaxError, match="depth"):
        Template("{{" + "(" * 5000 + ".a" + ")" * 5000 + "}}")


@given(st.text().filter(lambda text: "{{" not in text))
def test_text_without_actions_stays_as_it_is(text: str) -> None:
    assert Template(text).render({}) == text


@given(
    st.text(alphabet="{}.-ab $|():=\"'`%/* \n\\1,"), st.dictionaries(st.text("ab", max_size=2), st.integers())
)
def test_any_text_renders_or_is_refused_with_a_template_error(text: str, data: dict[str, int]) -> None:
    try:
        Template("{{" + text + "}}").render(data)
    except InvalidArgumentError as error:
        assert "template: :" in str(error)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(st.characters(codec="utf-8")),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(codec="utf-8")), inner),
    )
)
def test_json_of_any_document_reads_back_the_same(document: object) -> None:
    assert json.loads(Template("{{json .x}}").render({"x": document})) == document


@given(st.lists(st.text("abc", min_size=1)))
def test_range_visits_every_item_in_order(items: list[str]) -> None:
    assert Template("{{range $i, $x := .}}{{$i}}{{$x}};{{else}}none{{end}}").render(items) == (
        "".join(f"{index}{item};" for index, item in enumerate(items)) or "none"
    )


@given(st.text(st.characters(codec="utf-8", exclude_characters="`")))
def test_quoted_and_raw_strings_mean_the_text_they_quote(text: str) -> None:
    raw = "{{`" + text + "`}}"
    assert Template(raw).render({}) == text
    quoted = Template("{{printf `%q` .}}").render(text)
    assert Template("{{" + quoted + "}}").render({}) == text
