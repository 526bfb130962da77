"""Plays sources through the pipeline into sinks, one source after the other: what ``edge-fer run`` does."""

from __future__ import annotations

import contextlib
import logging
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edge_fer.errors import BadInput, SourceError
from edge_fer.sinks import Saves, SinkClosed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from edge_fer.commands.summary import Summary
    from edge_fer.detectors import Detector
    from edge_fer.pipeline import Pipeline
    from edge_fer.records import Record
    from edge_fer.sinks import Sink
    from edge_fer.sources import Frame, Source
    from edge_fer.sources.options import SourceOptions
    from edge_fer.stopping import Signals

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Outputs:
    """Where results go."""

    form: str = "text"
    """What is printed on stdout: ``text``, ``json``, ``csv``, or nothing with ``none``."""
    save: Path | None = None
    """Folder of annotated pictures and films."""
    show: bool = False
    """Whether a window shows them."""


@dataclass(frozen=True)
class Searching:
    """What finds faces, so that it can be said why there are none."""

    detector: str
    min_face_px: int
    whole: bool = False
    """Whether each picture is taken for a face."""


class Player:
    """Plays groups of sources. *pipeline* is called once, when the first source is open: to load a model takes longer.

    `summary` counts what it saw, up to *limit* frames in all.
    """

    def __init__(
        self,
        pipeline: Callable[[], Pipeline],
        searching: Searching,
        outputs: Outputs,
        summary: Summary,
        signals: Signals,
        limit: int | None = None,
    ) -> None:
        self.summary = summary
        self._make_pipeline = pipeline
        self._pipeline: Pipeline | None = None
        self._searching = searching
        self._outputs = outputs
        self._signals = signals
        self._limit = limit
        # One for all sources: a CSV has its head once.
        self._printed = _printed(outputs.form)

    def play(
        self, groups: Sequence[tuple[str, ...]], options: SourceOptions, *, recursive: bool = False
    ) -> KeyboardInterrupt | None:
        """Play *groups*, as `several.grouped` makes them, until the user closes a sink or stops the command.

        Return what stopped the command. Among several groups, one that cannot be read is skipped and reported. Raises
        `SourceError` if none can be, and what sinks and the pipeline raise.
        """
        failed = 0
        for names in groups:
            try:
                goes_on = self._play(names, options, recursive=recursive, is_one=len(groups) == 1)
            except KeyboardInterrupt as exc:
                return exc
            except SourceError as exc:
                if len(groups) == 1:
                    raise
                failed += 1
                log.warning("skipped: %s", exc)
                continue
            if not goes_on:
                break
        if failed == len(groups):
            raise SourceError(f"none of the {failed} sources could be read; see the lines above")
        return None

    def _play(self, names: tuple[str, ...], options: SourceOptions, *, recursive: bool, is_one: bool) -> bool:
        """Play the sources *names*, which are one group. Return whether further ones are to be played."""
        from edge_fer.sources.several import open_group

        # Closed in the reverse order, also after an error: sinks first, the source last.
        with contextlib.ExitStack() as stack:
            source = stack.enter_context(open_group(names, options, recursive=recursive))
            if self._searching.whole:
                _check_whole(source, names[0])
            pipeline = self._begin()
            sinks = self._sinks(source, names, options, named=not is_one)
            for sink in sinks:
                stack.callback(sink.close)
            try:
                return self._write_records(source, pipeline, sinks)
            finally:
                saved = [sink.saved() for sink in sinks if isinstance(sink, Saves)]
                self.summary.ended(source, saved)

    def _begin(self) -> Pipeline:
        if self._pipeline is None:
            self._pipeline = self._make_pipeline()
        else:
            self._pipeline.reset()
        return self._pipeline

    def _write_records(self, source: Source, pipeline: Pipeline, sinks: list[Sink]) -> bool:
        """Write the frames of *source* to all *sinks*. Return whether the run goes on after it."""
        self.summary.begin()
        try:
            for frame, record in pipeline.run(source):
                self.summary.saw(record, still=source.stills)
                for sink in sinks:
                    sink.write(frame, record)
                self._signals.check()
                if self.summary.frames == self._limit:
                    return False
                del frame  # so that a large picture is freed before the next one is decoded
        except SinkClosed:
            return False
        return True

    def _sinks(self, source: Source, names: tuple[str, ...], options: SourceOptions, *, named: bool) -> list[Sink]:
        """Return the sinks for *source*: what is printed, then what was asked for besides."""
        from edge_fer.sinks import lines

        sinks: list[Sink] = []
        if self._outputs.form == "text":
            sinks.append(lines.Text(sys.stdout, every_frame=source.stills, named=named))
        elif self._printed is not None:
            sinks.append(self._printed)
        if self._outputs.save is not None:
            sinks.append(self._saving(self._outputs.save, source, names))
        if self._outputs.show:
            from edge_fer.sinks.pictures import Preview

            # A film at the speed of life; a camera is at that speed by itself.
            sinks.append(Preview(waits=source.stills, paced=not source.stills and not source.live))
        if not self._searching.whole:
            sinks.append(_advice(source, self._searching, options))
        return sinks

    def _saving(self, folder: Path, source: Source, names: tuple[str, ...]) -> Sink:
        from edge_fer.sinks import film, pictures
        from edge_fer.sources.addresses import resolve, stem

        images = pictures.AnnotatedImages(folder)  # creates the folder, for a film too
        path = folder / f"{stem(resolve(names[0]))}.mp4"
        return _Uninterrupted(images if source.stills else film.AnnotatedVideo(path), self._signals)


def _printed(form: str) -> Sink | None:
    """Return the sink that prints records for programs, where one is asked for. Raises `SinkError`."""
    if form == "json":
        from edge_fer.sinks import lines

        return lines.JsonLines(sys.stdout)
    if form == "csv":
        from edge_fer.sinks import table

        return table.CsvLines(sys.stdout)
    return None


def _check_whole(source: Source, name: str) -> None:
    """Raise `BadInput` unless *source*, which the user called *name*, can consist of cropped faces."""
    from edge_fer.sources.addresses import redact

    if not source.stills:
        raise BadInput(f"--faces whole is for pictures of cropped faces, and {redact(name)} is none; leave it out")


def _advice(source: Source, searching: Searching, options: SourceOptions) -> Sink:
    """Return the sink that says why *source* shows no face."""
    from edge_fer.advice import Adviser
    from edge_fer.detectors import open_detector
    from edge_fer.sinks import nobody

    def opening(smallest_px: int) -> Detector:
        return open_detector(searching.detector, smallest_px)

    adviser = Adviser(opening, searching.min_face_px, options.view, stills=source.stills)
    if source.stills:
        return nobody.FacelessPictures(adviser)
    return nobody.NobodyThere(adviser) if source.live else nobody.FacelessFilm(adviser)


class _Uninterrupted:
    """A sink that no signal interrupts, so that no file stays half-written."""

    def __init__(self, sink: Sink, signals: Signals) -> None:
        self._sink = sink
        self._signals = signals

    def write(self, frame: Frame, record: Record) -> None:
        with self._signals.held():
            self._sink.write(frame, record)

    def saved(self) -> str:
        return self._sink.saved() if isinstance(self._sink, Saves) else ""

    def close(self) -> None:
        with self._signals.held():
            self._sink.close()
