"""What a browser is given: the page in a language, and the files that it needs. Read once, at the start.

No path that a client sends is ever looked up in the file system.
"""

from __future__ import annotations

import hashlib
import html
import json
from dataclasses import dataclass
from importlib import resources
from string import Template
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from edge_fer.appliance.page.settings import Drive, PageSettings

LANGUAGES: Final = ("en", "de")
KINDS: Final = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
"""Files that are served as they are, by suffix; what else lies there is not."""
WORDS: Final = "words.json"
SHOWN: Final = {"contact", "language", "notice", "pictures", "stale_after_s", "timeline_s", "title"}
"""Settings that the page depends on."""
SHORTEST_DIGEST: Final = 16
OF_DRIVE: Final = "drive_"
"""What the names of words begin with that only the page of a driver monitor needs."""


@dataclass(frozen=True)
class File:
    """A file as it is served."""

    content: bytes
    kind: str


class Documents:
    """The page, the form for the token, and static files by name. With *drive*, it is the page of a driver monitor."""

    def __init__(self, settings: PageSettings, drive: Drive | None = None) -> None:
        self._settings = settings
        self._drive = drive
        self.files: dict[str, File] = {}
        self._templates: dict[str, Template] = {}
        digest = hashlib.sha256(settings.model_dump_json(include=SHOWN).encode())
        digest.update(b"" if drive is None else drive.model_dump_json().encode())
        for path in sorted(resources.files(__package__).joinpath("static").iterdir(), key=lambda path: path.name):
            content = path.read_bytes()
            digest.update(path.name.encode() + b"\0" + content)
            suffix = f".{path.name.rpartition('.')[2]}"
            if suffix in KINDS:
                self.files[path.name] = File(content, KINDS[suffix])
            elif suffix == ".html":
                self._templates[path.name] = Template(content.decode())
            elif path.name == WORDS:
                self._words: dict[str, dict[str, str]] = json.loads(content)
        self.version: Final = digest.hexdigest()[:SHORTEST_DIGEST]
        """Changes with any file and any setting of `SHOWN`: a page of another version loads itself again."""

    def language(self, asked: str | None, accepted: str) -> str:
        """Return the language for a browser that *asked* for one, or *accepted* some by ``Accept-Language``."""
        if asked in LANGUAGES:
            return str(asked)
        if self._settings.language != "auto":
            return self._settings.language
        return preferred(accepted)

    def page(self, language: str) -> bytes:
        """Return the page."""
        if self._drive is None:
            return self._filled("index.html", language)
        words = self.words(language)
        level = f"drive_level_{self._drive.level}{'' if self._drive.eyes else '_without_eyes'}"
        return self._filled("drive.html", language, level_text=words[level])

    def sign_in(self, language: str, fault: str = "") -> bytes:
        """Return the form that asks for the token, with the name of a *fault* in the catalogue, if there is one."""
        return self._filled("login.html", language, fault=self.words(language)[fault] if fault else "")

    def words(self, language: str) -> dict[str, str]:
        """Return the catalogue in *language*."""
        return {name: texts[language] for name, texts in self._words.items()}

    def _filled(self, name: str, language: str, **more: str) -> bytes:
        words = self.words(language)
        contact = self._settings.contact or words["notice_contact"]
        notice = self._settings.notice or words["notice"].format(contact=contact)
        values = {
            **words,
            "language": language,
            "other_language": next(other for other in LANGUAGES if other != language),
            "title": self._settings.title,
            "notice_text": notice,
            "version": self.version,
            **more,
        }
        escaped = {key: html.escape(value) for key, value in values.items()}
        needed = {name: text for name, text in words.items() if self._drive or not name.startswith(OF_DRIVE)}
        facts = {"language": language, "words": needed, **self._facts()}
        return self._templates[name].substitute(escaped, facts=_in_script(facts)).encode()

    def _facts(self) -> dict[str, Any]:
        """Return what the page needs of the settings."""
        return {
            "version": self.version,
            "pictures": self._settings.pictures,
            "timeline_s": self._settings.timeline_s,
            "stale_after_s": self._settings.stale_after_s,
            "drive": None if self._drive is None else self._drive.model_dump(),
        }


def preferred(accepted: str) -> str:
    """Return the language of `LANGUAGES` that ``Accept-Language`` of *accepted* likes best; English if none."""
    best = LANGUAGES[0]
    most = 0.0
    for entry in accepted[:200].split(","):
        tag, _, weight = entry.strip().partition(";")
        language = tag.strip().lower().partition("-")[0]
        try:
            quality = float(weight.strip().removeprefix("q=") or 1)
        except ValueError:
            continue
        if language in LANGUAGES and quality > most:
            best = language
            most = quality
    return best


def _in_script(value: Any) -> str:
    """Return *value* as JSON that may stand in a script element: it cannot end it."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c").replace("&", "\\u0026")
