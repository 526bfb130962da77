"""Training: progressive sizes, averaged weights, resumable after every epoch, on any Keras 3 backend.

A run is a folder: ``run.json`` (which run this is), ``last.keras`` (weights and optimizer, for resuming),
``best.keras`` (the averaged weights that did best on the validation faces, channels last), ``history.json`` (one entry
per epoch), and at the end the report and ``scores.npz``, the scores of ``best.keras`` on the validation faces. When the
stages have several sizes, the best of each earlier size stays beside it.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from edge_fer.errors import BadInput
from edge_fer.evaluation.near_copies import near_copies
from edge_fer.progress import ProgressListener
from edge_fer.text import counted
from edge_fer_train import epoch, identity, networks, report
from edge_fer_train.augmentation.batches import AugmentedBatches
from edge_fer_train.augmentation.pool import AugmentationPool
from edge_fer_train.history import best_accuracy, minutes_left
from edge_fer_train.identity import Identity
from edge_fer_train.keras_backend import keep_freed_memory
from edge_fer_train.keras_batches import Batches
from edge_fer_train.run_folder import RunFolder, replacing, save_model
from edge_fer_train.validation import Validation, settle_averages

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from edge_fer.evaluation.classification import ClassificationReport
    from edge_fer.evaluation.face_set import LabelledFaces
    from edge_fer.evaluation.votes import FerPlusVotes
    from edge_fer_train.history import Entry
    from edge_fer_train.recipe import Recipe, Stage
    from edge_fer_train.teacher import Teacher


@dataclass
class TrainingRun:
    """A resumable training run in a folder."""

    recipe: Recipe
    folder: Path
    train: LabelledFaces
    soft_labels: NDArray[np.float32]
    """``(n, classes)`` probabilities that the model learns for the faces in `train`."""
    validation: LabelledFaces
    progress: ProgressListener = field(default_factory=ProgressListener)
    """Told how far the run is; the default ignores it."""
    teacher: Teacher | None = None
    pretrained: Sequence[Path] = ()
    """Files of weights to begin with; see `pretrained.load_into`."""
    computing: str = "float32"
    """The number format of training steps: a key of `precision.POLICIES`. A resumed stage keeps the one it had."""
    workers: int = 0
    """How many other processes augment faces while this one trains."""
    votes: FerPlusVotes | None = None
    """The votes on the faces in `validation`, by which the best epoch is chosen; without them, their labels choose."""
    options: Mapping[str, str | int | None] = field(default_factory=dict)
    """Of the user's options, those that the folder is tied to besides recipe, precision and faces."""
    start_over: bool = False
    """Whether a run that is in the folder, of whatever kind, is removed when this one begins."""
    later_runs: int = 0
    """How many runs of the same recipe follow this one, such as further folds: the time left covers them."""
    history: list[Entry] = field(default_factory=list, init=False)
    """The figures of each epoch so far."""
    _portable: dict[int, keras.Model] = field(default_factory=dict, init=False)
    """By its size, the channels-last float32 model that ``best.keras`` is saved as."""

    def execute(self) -> ClassificationReport:
        """Train through all stages and write the report; resume where an earlier run in the same folder stopped.

        Returns the report of the best weights on the validation faces. Raises `BadInput` for a folder that another
        process uses, that is of another run or cannot be resumed, and for settings that do not fit the architecture or
        make the loss infinite; `SinkError` where the folder cannot be written.
        """
        keep_freed_memory()
        self._refuse_no_epochs()
        with self.files.locked():
            model = self._resumed()
            # A resumed run must not repeat the random draws of its first epochs.
            keras.utils.set_random_seed(self.recipe.seed + len(self.history))
            with AugmentationPool(self.train, self.soft_labels, self.recipe, self.workers) as pool:
                self._train(model, pool)
            return self._report()

    def refuse_unusable(self) -> None:
        """Raise the errors of `execute` about the folder, before any work; nothing in it is changed."""
        self._refuse_no_epochs()
        with self.files.locked():
            self._resumed()

    @property
    def files(self) -> RunFolder:
        """The folder's files."""
        return RunFolder(self.folder)

    @property
    def identity(self) -> Identity:
        """What the folder is tied to."""
        settings = {**identity.of_recipe(self.recipe), "precision": self.computing, **self.options}
        data = {
            "the training faces": identity.of_faces(self.train),
            "the validation faces": identity.of_faces(self.validation),
        }
        return Identity(settings, data)

    def _refuse_no_epochs(self) -> None:
        if not self._epochs:
            raise BadInput(f"recipe {self.recipe.name} has no epochs, so nothing would be trained; give a stage some")

    def _resumed(self) -> keras.Model | None:
        """Read the history; return the model after its last epoch, or None where no epoch is done or left."""
        self.history = []
        if self.start_over or not self.files.is_begun():
            return None
        self.files.refuse_other(self.identity)
        self.history = self.files.read_history(self.recipe.trained.stages)
        if not self.history:
            return None
        is_done = len(self.history) == self._epochs
        size_px = self.history[-1]["size_px"]
        if self.files.best.exists() or is_done:
            self.files.refuse_other_best(self._build)
        elif not self.files.has_best_of(size_px):
            self.progress.warn(f"{self.files.best} is missing; the best of the epochs to come will be kept")
        return None if is_done else self.files.load_last(self._build(size_px))

    def _train(self, model: keras.Model | None, pool: AugmentationPool) -> None:
        """Train the epochs that are not done yet; *model* is that after the last one that is."""
        done = len(self.history)
        first_epoch = 0
        for stage in self.recipe.trained.stages:
            if done < first_epoch + stage.epochs:
                is_resumed = done > first_epoch
                if model is None or not is_resumed:
                    model = self.network(stage, model)
                if not self.history:
                    self.files.begin(self.identity)  # now, as a network that cannot be built costs no earlier run
                self._stage(model, stage, first_epoch, pool)
            first_epoch += stage.epochs

    def network(self, stage: Stage, previous: keras.Model | None = None) -> keras.Model:
        """Return a compiled model with which *stage* begins; *previous* is the one of the stage before.

        Where *stage* has another size, this also exchanges ``best.keras``: each size has a best of its own.
        """
        factory = networks.NetworkFactory(
            self.recipe,
            classes=len(self.train.names),
            steps_per_epoch=math.ceil(len(self.train) / self.recipe.trained.batch_size),
            taught=self.teacher is not None,
            pretrained=self.pretrained,
            computing=self.computing,
            progress=self.progress,
        )
        if previous is None:
            return factory.at_random(stage)
        model = factory.after(previous, stage)
        size_before = previous.input_shape[1]
        if size_before != stage.size_px:
            self.files.change_size(size_before, stage.size_px)
        return model

    def _stage(self, model: keras.Model, stage: Stage, first_epoch: int, pool: AugmentationPool) -> None:
        """Train *model* through what is left of *stage*, whose first epoch is number *first_epoch*, from 0."""
        validation = Validation(self.validation, self.recipe.preprocess.at(stage.size_px), self.votes)
        last_epoch = first_epoch + stage.epochs
        title = f"training epochs {first_epoch + 1} to {last_epoch} of {self._epochs} at {stage.size_px} px"
        for number in range(max(len(self.history), first_epoch), last_epoch):
            augmented = AugmentedBatches(self.train, self.soft_labels, self.recipe, stage, number)
            teacher = self.teacher if augmented.training.teaching is not None else None
            batches = Batches(augmented, teacher, pool.ahead(augmented), len(model.outputs))
            progress = epoch.StageProgress(title, number - first_epoch, stage.epochs, self.progress)
            self._epoch(model, batches, stage, validation, progress)

    def _epoch(
        self,
        model: keras.Model,
        batches: Batches,
        stage: Stage,
        validation: Validation,
        progress: epoch.StageProgress,
    ) -> None:
        """Train one epoch, validate its averaged weights, and keep everything."""
        started = time.monotonic()
        fitted = epoch.fit(model, batches, progress)
        self._refuse_divergence(fitted)
        # Keras leaves the averages in the model; the weights of the last step come back after validation.
        settle_averages(model, batches)
        scores, *alone = validation.scores(model)
        accuracy = validation.accuracy(scores)
        if accuracy > self._best_accuracy(stage.size_px):
            self._save_best(model, stage.size_px)
        if not self.recipe.trained.during(stage).ema_overwrite:
            model.set_weights(fitted.last_step)
        entry: Entry = {
            "epoch": len(self.history) + 1,
            "size_px": stage.size_px,
            "loss": fitted.loss,
            "accuracy": fitted.accuracy,
            "validation_loss": validation.cross_entropy(scores),
            "validation_accuracy": accuracy,
        }
        if alone:
            entry["validation_accuracy_alone"] = [validation.accuracy(own) for own in alone]
        entry["seconds"] = time.monotonic() - started
        entry["backend"] = keras.backend.backend()
        self.history.append(entry)
        self.files.save_epoch(model, self.history)
        self.progress.tell(self._line(entry))

    def _refuse_divergence(self, fitted: epoch.Fitted) -> None:
        """Raise `BadInput` where the loss is no number: from then on every weight would be none."""
        if not math.isfinite(fitted.loss):
            raise BadInput(
                f"epoch {len(self.history) + 1} has the loss {fitted.loss}, so it is not kept; lower the learning rate "
                "in the recipe, and pass another --out"
            )

    def _best_accuracy(self, size_px: int) -> float:
        # Without its file, the best so far is lost, and the next epoch is the best that there is.
        return best_accuracy(self.history, size_px) if self.files.best.exists() else -1.0

    def _save_best(self, model: keras.Model, size_px: int) -> None:
        """Save the averaged weights of *model* in the form that other programs read: channels last, float32."""
        # Built once per size: its weights are replaced each time.
        if size_px not in self._portable:
            self._portable[size_px] = self._build(size_px)
        self._portable[size_px].set_weights(model.get_weights())
        save_model(self._portable[size_px], self.files.best)

    def _build(self, size_px: int) -> keras.Model:
        """Return the recipe's network with random weights, channels last and in float32."""
        return networks.build(self.recipe, size_px, len(self.train.names))

    def _line(self, entry: Entry) -> str:
        """Return what the user reads of an epoch."""
        validation = f"validation {entry['validation_accuracy']:.2%}"
        alone = ", ".join(f"{accuracy:.2%}" for accuracy in entry.get("validation_accuracy_alone", ()))
        if alone:
            validation += f" (alone {alone})"
        parts = [
            f"epoch {entry['epoch']}/{self._epochs}",
            f"{entry['size_px']} px",
            f"loss {entry['loss']:.4f}",
            validation,
            f"{entry['seconds']:.0f} s",
            f"about {minutes_left(self.history, self.recipe.trained.stages, self.later_runs):.0f} min left",
        ]
        return " · ".join(parts)

    @property
    def _epochs(self) -> int:
        return sum(stage.epochs for stage in self.recipe.trained.stages)

    def _report(self) -> ClassificationReport:
        """Write the report of the best weights, and return it."""
        model = self.files.load_best()
        spec = self.recipe.preprocess.at(model.input_shape[1])
        (scores,) = Validation(self.validation, spec).scores(model)
        with replacing(self.folder / "scores.npz") as beside:
            np.savez_compressed(beside, scores=scores, labels=self.validation.labels)
        deduplicated = ~near_copies(self.validation, self.train)
        classification = report.write(
            self.folder, self.recipe.name, self.history, scores, self.validation, deduplicated, self.votes
        )
        self.progress.tell(
            f"{self.recipe.name}: {classification.accuracy:.2%} of {classification.images} validation faces, "
            f"{self._deduplicated_accuracy(scores, deduplicated)} among the training faces; "
            f"macro-F1 {classification.mean('f1'):.3f}; report in {self.folder}"
        )
        if self.votes is not None:
            accuracy = self.votes.accuracy(scores)
            self.progress.tell(
                f"by the majority of FER+ votes, eight classes: {accuracy:.2%} of {counted(self.votes.images, 'face')}"
            )
        return classification

    def _deduplicated_accuracy(self, scores: NDArray[np.float32], deduplicated: NDArray[Any]) -> str:
        if not deduplicated.any():
            return "all with a near-copy"
        is_right = scores.argmax(axis=1) == self.validation.labels
        return f"{is_right[deduplicated].mean():.2%} of the {deduplicated.sum()} that have no near-copy"
