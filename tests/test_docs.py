"""The documents' links, commands, recipes and tables are true."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from workbench.cli import app
from workbench.exit_codes import ExitCode
from workbench.experiment import Recipe, validate
from workbench.records import KEY_COLUMNS, Record
from workbench.tasks.loader import task_options

ROOT = Path(__file__).parents[1]
PAGES = [
    path
    for path in [*ROOT.glob("*.md"), *ROOT.glob("*/*.md"), *ROOT.glob("examples/*/*.md")]
    if ".venv" not in path.parts
]
README = (ROOT / "README.md").read_text(encoding="utf-8")
CHINESE = (ROOT / "README.zh-CN.md").read_text(encoding="utf-8")
COMMANDS = {command.name or command.callback.__name__ for command in app.registered_commands}
COMMANDS |= {group.name for group in app.registered_groups}


def code_blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_page_links_lead_to_files_when_relative(page):
    targets = re.findall(r"\]\((?!https?:|#|mailto:)([^)#\s]+)", page.read_text(encoding="utf-8"))
    assert [target for target in targets if not (page.parent / target).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_page_commands_exist_when_named(page):
    text = page.read_text(encoding="utf-8")
    commands = set(re.findall(r"(?:^|`|/)workbench ([a-z]+)\b", text, re.MULTILINE))
    assert commands <= COMMANDS
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"(?:^|`)make ([a-z-]+)\b", text, re.MULTILINE)) <= targets


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_command_is_in_the_readme_or_reference_when_it_exists(command):
    assert re.search(rf"workbench {command}\b", README) or command in ("accuracy", "deploy", "latency", "recipes")


def test_readme_recipe_is_valid_when_read():
    recipe = next(block for block in code_blocks(README, "yaml") if "schema_version" in block)
    assert validate(Recipe, yaml.safe_load(recipe), where="README").name == "mine"


def test_detection_page_recipe_is_valid_when_read():
    recipe, options = code_blocks((ROOT / "docs" / "detection.md").read_text(encoding="utf-8"), "yaml")
    task = validate(Recipe, yaml.safe_load(recipe), where="docs").task
    for changes in ({}, yaml.safe_load(options)):
        validate(task_options(str(task.name)), task.options | changes, where="docs")


def test_tasks_page_recipes_are_valid_when_read():
    pieces = [yaml.safe_load(block) for block in code_blocks((ROOT / "docs" / "tasks.md").read_text(), "yaml")]
    for piece in pieces:
        recipe = validate(Recipe, pieces[0] | piece, where="docs")
        validate(task_options(str(recipe.task.name)), recipe.task.options, where="docs")
    assert [piece["task"]["name"] for piece in pieces] == ["classification", "segmentation", "text"]


def test_readme_workflow_is_yaml_when_read():
    workflow = next(block for block in code_blocks(README, "yaml") if "runs-on" in block)
    steps = yaml.safe_load(workflow)["jobs"]["quantization"]["steps"]
    assert [step["run"].split()[0] for step in steps if "run" in step] == [
        "make",
        ".venv/bin/workbench",
        ".venv/bin/workbench",
    ]


def test_readme_exit_codes_are_those_of_the_command_line_when_listed():
    for code in ExitCode:
        assert f"| {code.value} | {code.meaning} |" in README


def test_reference_names_every_column_when_printed():
    said = subprocess.run(
        [sys.executable, "-m", "workbench.cli", "schema", "reference"], capture_output=True, text=True, check=True
    ).stdout
    assert all(f"| `{name}` |" in said for name in {*Record.model_fields, *KEY_COLUMNS})


def test_chinese_readme_has_no_figure_of_its_own_when_compared_with_the_readme():
    figures = set(re.findall(r"\d+(?:\.\d+)?", re.sub(r"\]\([^)]*\)", "", CHINESE)))
    assert figures <= set(re.findall(r"\d+(?:\.\d+)?", README))


def test_chinese_readme_recipe_and_methods_are_those_of_the_readme_when_read():
    recipes = [next(b for b in code_blocks(text, "yaml") if "schema_version" in b) for text in (CHINESE, README)]
    chinese, english = (validate(Recipe, yaml.safe_load(recipe), where="README") for recipe in recipes)
    assert chinese.deploy == english.deploy
    assert all(entry in english.quantize for entry in chinese.quantize)
    methods = [set(re.findall(r"^\| `(\w+)`", text, re.MULTILINE)) for text in (CHINESE, README)]
    assert methods[0] <= methods[1]
    assert "prune_qat" in methods[0]


def test_chinese_readme_commands_are_those_of_the_readme_when_in_a_shell_block():
    def commands(text: str) -> list[str]:
        lines = "".join(code_blocks(text, "sh")).replace("\\\n", " ").splitlines()
        return [" ".join(line.split("#")[0].split()) for line in lines if line.strip()]

    assert set(commands(CHINESE)) <= set(commands(README))


def test_glossary_is_sorted_and_bilingual_and_its_terms_are_used_when_read():
    glossary = ROOT / "docs" / "glossary.md"
    rows = [line.strip("| ").split(" | ") for line in glossary.read_text(encoding="utf-8").splitlines()[7:]]
    terms = [row[0] for row in rows]
    assert terms == sorted(terms, key=str.lower)
    assert [row[0] for row in rows if len(row) != 3 or not re.search(r"[\u4e00-\u9fff]", row[1] + row[2])] == []
    pages = [*ROOT.glob("notebooks/*.ipynb"), *(page for page in PAGES if page != glossary)]
    used = " ".join(page.read_text(encoding="utf-8") for page in pages).lower()
    words = set(re.findall(r"[a-z0-9]+", used))
    assert [term for term in terms if re.findall(r"[a-z0-9]+", term.lower())[0] not in words] == []
