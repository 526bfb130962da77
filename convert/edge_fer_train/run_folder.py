"""The folder of a training run: its models and its history, kept after each epoch so that the run can be resumed.

What is found there may be cut off, of another run or of another program. Nothing of it is used unchecked, and nothing
is overwritten unless the folder is known to be of the same run.
"""

from __future__ import annotations

import json
import zipfile
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from edge_fer import files
from edge_fer.errors import BadInput, SinkError, one_line, reason
from edge_fer.frozen import Frozen
from edge_fer_train import folder_lock
from edge_fer_train.history import check_stages, entries_of
from edge_fer_train.identity import Identity

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    import keras
    from numpy.typing import NDArray

    from edge_fer_train.history import Entry
    from edge_fer_train.recipe import Stage

REMEDY: Final = "pass another --out, or --force to start over"
MAX_JSON_BYTES: Final = 16_000_000
"""A history has a few hundred bytes an epoch."""
REPORTS: Final = (
    "report.json",
    "report.html",
    "scores.npz",
    "out-of-fold.npz",
    "accuracy.png",
    "loss.png",
    "confusion.png",
)
"""What a finished run leaves beside its models."""


class _Begun(Frozen):
    """Content of ``run.json``."""

    settings: dict[str, str | int | float | bool | None]
    data: dict[str, str | int | float | bool | None]


@dataclass(frozen=True)
class RunFolder:
    """Where a run keeps ``run.json``, ``history.json``, ``last.keras`` and ``best.keras``."""

    path: Path

    @property
    def best(self) -> Path:
        """The averaged weights of the best epoch at the current size, channels last."""
        return self.path / "best.keras"

    @property
    def last(self) -> Path:
        """The model after the last epoch with its optimizer, for resuming."""
        return self.path / "last.keras"

    @property
    def history_file(self) -> Path:
        """The history: a list with one entry per epoch."""
        return self.path / "history.json"

    @property
    def identity_file(self) -> Path:
        """Which run the folder is of: its `Identity`."""
        return self.path / "run.json"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the folder for this process alone, without what killed runs left in it (see `folder_lock`)."""
        with folder_lock.locked(self.path):
            folder_lock.remove_leftovers(self.path)
            yield

    def is_begun(self) -> bool:
        """Return whether the folder has any file of a run. Raises `BadInput` where one of them is no file."""
        own = list(self._own_files())
        for path in own:
            if not path.is_file():
                raise BadInput(f"{path} is a folder where a file of the run belongs; move it, or pass another --out")
        return bool(own)

    def refuse_other(self, identity: Identity) -> None:
        """Raise `BadInput` unless the folder is empty, or its run is that of *identity*."""
        if not self.is_begun():
            return
        if not self.identity_file.is_file():
            present = next(self._own_files()).name
            raise BadInput(f"{self.path} has a {present}, and no run.json that says how it was trained; {REMEDY}")
        difference = self._identity().difference(identity)
        if difference is not None:
            raise BadInput(f"{self.path} was trained with {difference}; {REMEDY}")

    def begin(self, identity: Identity) -> None:
        """Make the folder that of a new run of *identity*: remove the files of the run before. Raises `SinkError`."""
        self.clear()
        write(self.identity_file, json.dumps(asdict(identity), indent=1) + "\n")
        write(self.history_file, "[]\n")

    def clear(self) -> None:
        """Remove the files of a run, and no others. Raises `SinkError`."""
        for path in self._own_files():
            with _written(path):
                path.unlink()

    def read_history(self, stages: Sequence[Stage]) -> list[Entry]:
        """Return the entries of the epochs that are done; there are none in a folder without models.

        Raises `BadInput` when the file is missing or damaged, or its epochs are not those of *stages*.
        """
        if not self.history_file.exists():
            if not self.best.exists() and not self.last.exists():
                return []  # it was killed before its first epoch
            raise BadInput(f"{self.path} has no history.json any more; {REMEDY}")
        try:
            history = entries_of(_content(self.history_file))
            check_stages(history, stages)
        except (OSError, ValueError) as exc:
            raise BadInput(f"{self.history_file} cannot be used: {reason(exc)}; {REMEDY}") from exc
        return history

    def load_last(self, expected: keras.Model) -> keras.Model:
        """Load the model after the last epoch, compiled; it must have the weights of *expected*. Raises `BadInput`."""
        if not self.last.exists():
            raise BadInput(f"{self.path} has a history but no last.keras; {REMEDY}")
        # What the run has found so far is not lost, and worth to be told.
        remedy = f"{REMEDY} (best.keras stays as it is)" if self.best.exists() else REMEDY
        model = _load(self.last, remedy)
        _refuse_other_weights(self.last, model, expected, remedy)
        if getattr(model, "optimizer", None) is None:
            raise BadInput(f"{self.last} has no optimizer, so training cannot go on from it; {remedy}")
        return model

    def load_best(self) -> keras.Model:
        """Load the best model. Raises `BadInput` when it is missing or damaged."""
        if not self.best.exists():
            raise BadInput(f"{self.path} has no best.keras any more; {REMEDY}")
        return _load(self.best, f"move it away to keep the best of the epochs to come, or {REMEDY}")

    def refuse_other_best(self, build: Callable[[int], keras.Model]) -> None:
        """Raise `BadInput` where ``best.keras`` is damaged, or is none of the run's; *build* makes one of a size."""
        model = self.load_best()
        remedy = f"move it away, or {REMEDY}"
        try:
            expected = build(model.input_shape[1])
        except (BadInput, ValueError, TypeError, IndexError, AttributeError) as exc:  # no size of this network
            raise BadInput(f"{self.best} is of another network ({model.name}); {remedy}") from exc
        _refuse_other_weights(self.best, model, expected, remedy)

    def has_best_of(self, size_px: int) -> bool:
        """Return whether there is a best model, or one of *size_px* that was put aside."""
        return self.best.exists() or self._aside(size_px).exists()

    def save_epoch(self, model: keras.Model, history: Sequence[Entry]) -> None:
        """Save *model* and the *history* that ends with its epoch. Raises `SinkError`."""
        # The model first: a run that is interrupted between the two repeats an epoch instead of losing one.
        save_model(model, self.last)
        write(self.history_file, json.dumps(list(history), indent=1, allow_nan=False))

    def change_size(self, before_px: int, now_px: int) -> None:
        """Put the best model of one size aside, and take back that of the other: each size has a best of its own.

        The best of a size that is not the present one is ``best-<size>.keras``. A run that was killed in the meantime
        may do this again.
        """
        if self.best.exists() and self._best_size() == before_px:
            self.best.rename(self._aside(before_px))
        if not self.best.exists() and self._aside(now_px).exists():
            self._aside(now_px).rename(self.best)

    def _best_size(self) -> int:
        size: int = self.load_best().input_shape[1]
        return size

    def _aside(self, size_px: int) -> Path:
        return self.path / f"best-{size_px}.keras"

    def _identity(self) -> Identity:
        try:
            begun = _Begun.model_validate_json(_content(self.identity_file))
        except (OSError, ValueError) as exc:
            raise BadInput(f"{self.identity_file} cannot be used: {reason(exc)}; {REMEDY}") from exc
        return Identity(begun.settings, begun.data)

    def _own_files(self) -> Iterator[Path]:
        """Yield what is there under the names of a run's files. Of several, a model comes first."""
        fixed = [self.best, self.last, self.history_file, self.identity_file]
        fixed += [self.path / name for name in REPORTS]
        for path in (*fixed, *sorted(self.path.glob("best-*.keras"))):
            if path.exists():
                yield path


def write(path: Path, content: str) -> None:
    """Write *content* to *path*, completely or not at all. Raises `SinkError`."""
    with replacing(path) as beside:
        beside.write_text(content, encoding="utf-8")


def save_model(model: keras.Model, path: Path) -> None:
    """Save *model* at *path*, completely or not at all. Raises `SinkError`."""
    with replacing(path) as beside:
        model.save(beside)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path, as `edge_fer.files.replacing` does. Raises `SinkError` where that raises `OSError`."""
    with _written(path), files.replacing(path) as beside:
        yield beside


@contextmanager
def _written(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as exc:
        raise SinkError(
            f"{path} cannot be written: {reason(exc)}; make room, and repeat the command to go on after the last epoch"
        ) from exc


def _content(path: Path) -> bytes:
    size = path.stat().st_size
    if size > MAX_JSON_BYTES:
        raise ValueError(f"it has {size / 1e6:.0f} MB, which no run writes")
    return path.read_bytes()


def _load(path: Path, remedy: str) -> keras.Model:
    """Load the model at *path*; *remedy* is what the user can do where that fails. Raises `BadInput`."""
    import keras

    if not zipfile.is_zipfile(path):  # Keras would say that the file does not exist
        raise BadInput(f"{path} ({path.stat().st_size} bytes) is cut off, or no .keras file; {remedy}")
    try:
        model = keras.saving.load_model(path)
    except Exception as exc:  # Keras raises nearly anything for a file that is damaged or foreign
        raise BadInput(f"{path} cannot be loaded: {one_line(exc)}; {remedy}") from exc
    if not all(np.isfinite(weight).all() for weight in model.get_weights()):
        raise BadInput(f"{path} has weights that are no numbers; {remedy}")
    return model


def _refuse_other_weights(path: Path, model: keras.Model, expected: keras.Model, remedy: str) -> None:
    # Sorted, since a model that also outputs the scores of each network has them in another order.
    if sorted(_shapes(model.get_weights())) != sorted(_shapes(expected.get_weights())):
        raise BadInput(f"{path} is of another network ({model.name}, input {model.input_shape}); {remedy}")


def _shapes(weights: Sequence[NDArray[Any]]) -> list[tuple[int, ...]]:
    return [weight.shape for weight in weights]
