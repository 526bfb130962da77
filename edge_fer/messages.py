"""What other libraries say when they fail: of many lines, the first sensible one for a person at a terminal."""

from __future__ import annotations

import re
from typing import Final

LONG: Final = 300
"""Number of characters up to which a message is shown whole."""
LONGEST: Final = 1000
"""Number of characters from which on a single sentence is data, and may be cut."""
READ: Final = 100_000
"""Number of characters of a message that are looked at: half of them from its beginning, half from its end."""
LEFT_OUT: Final = "[…]"
"""Ends a message of which something was left out."""

COLOURS: Final = re.compile(r"\x1b\[[\d;]*m")
PLACES: Final = re.compile(
    r"Exception from \S+:\d+:|FrontEnd API failed with \w+:|.*Check '.*' failed at \S+:\d+:|Graph execution error:"
    r"|While validating node .*:|Model wasn't fully converted\. Failed operations detailed log:|-- \S+ with a message:"
    r"|Summary:|in user code:|[\^~]+"
)
"""Lines that only say where in a library's own sources they come from; OpenVINO begins with several of them."""
SOURCE: Final = re.compile(
    r"(?:<unknown>|/[^\s:]{1,300}):\d+(?::\d+)?: (?:error: )?|\{\{function_node [^}]{0,300}\}\} "
)
"""The same within a line."""
CAUSE: Final = re.compile(r"Exception encountered: (?=.)|(?=[\w.]*(?:Error|Exception): .)")
"""How a line begins that quotes the innermost error: Keras' own words, or the end of a traceback."""
APPENDIX: Final = re.compile(
    r"Arguments received by |==> Context:|Detected at node|Original traceback|Full object config:|\w+=\{|.*: note: "
    r'|File "[^"]*", line \d+|Traceback \(most recent call last\)'
)
"""How a line begins from which on there is data or code."""
SENTENCE: Final = re.compile(r"(?<=[.!?])\s+(?=[A-Z0-9'\"`\[])")
CONTINUES: Final = re.compile(r"[a-z(,]")
"""How a line begins that goes on with the sentence of the line before."""


def first_words(text: str) -> str:
    """Return a library's message in one line: the whole of a short one, else its first sensible line.

    Nothing is cut within a sentence; `LEFT_OUT` at the end says that there is more.
    """
    lines = _lines(text)
    everything = _joined(lines)
    if len(everything) <= LONG and len(text) <= READ:
        return everything
    useful = _useful(lines)
    said = _joined(useful)
    if len(said) > LONG:
        said = _first_sentences(useful[0])
    return said if said == everything else f"{said} {LEFT_OUT}"


def _lines(text: str) -> list[str]:
    """Return the lines of *text* without colours and places in sources; none goes on with the sentence before it."""
    if len(text) > READ:
        text = f"{text[: READ // 2]}\n{text[-READ // 2 :]}"
    found = [" ".join(line.split()) for line in COLOURS.sub("", text).splitlines()]
    found = [line for line in found if line]
    lines: list[str] = []
    before_code = False
    for line in found:
        if _is_place(line):
            continue
        said = SOURCE.sub(" ", line).strip()
        unfinished = lines and not before_code and (CONTINUES.match(said) or lines[-1].endswith((":", ",")))
        if unfinished and not APPENDIX.match(said):
            lines[-1] += f" {said}"
        else:
            lines.append(said)
        before_code = SOURCE.search(line) is not None  # compilers quote the line of code below its place
    # A message that is nothing but places is better than none.
    return lines or found


def _is_place(line: str) -> bool:
    return len(line) <= LONGEST and PLACES.fullmatch(line) is not None


def _useful(lines: list[str]) -> list[str]:
    """Return the lines from the innermost error that *lines* quote to what is only data or code."""
    first = 0
    for number, line in enumerate(lines):
        if CAUSE.match(line):
            first = number
    quoted = CAUSE.match(lines[first])
    useful = [lines[first][quoted.end() :] if quoted else lines[first]]
    for line in lines[first + 1 :]:
        if APPENDIX.match(line):
            break
        useful.append(line)
    return useful


def _joined(lines: list[str]) -> str:
    text = ""
    for line in lines:
        if text:
            text += " " if text.endswith((".", ":", ",", "!", "?", ";")) else "; "
        text += line
    return text


def _first_sentences(line: str) -> str:
    """Return as many sentences of *line* as fit, at least one; of a sentence of more than `LONGEST`, whole words."""
    said, *others = SENTENCE.split(line)
    if len(said) > LONGEST:
        said = said[:LONG]
        return said[: said.rfind(" ")] if " " in said else said
    for sentence in others:
        if len(said) + 1 + len(sentence) > LONG or APPENDIX.match(sentence):
            break
        said += f" {sentence}"
    return said
