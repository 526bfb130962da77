"""The Markdown files outside `docs/`, whose links MkDocs does not check, and the README's length."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
if not (ROOT / "convert").is_dir():
    pytest.skip("the documents of a clone are not part of the wheel", allow_module_level=True)

FOLDERS = ("benchmarks", "convert", "devices", "experiments")
DOCUMENTS = sorted(ROOT.glob("*.md"))
for folder in FOLDERS:
    DOCUMENTS += sorted((ROOT / folder).rglob("*.md"))
LINK = re.compile(r"\]\((?!https?:)(?P<path>[^)#]+)(?:#[^)]*)?\)")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_relative_links_lead_to_files(document):
    text = document.read_text(encoding="utf-8")
    for link in LINK.finditer(text):
        assert (document.parent / link["path"]).exists(), link["path"]


def test_the_readme_is_short():
    assert len((ROOT / "README.md").read_text(encoding="utf-8").split()) <= 900
