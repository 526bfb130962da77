"""Convert facial-emotion classifiers on the workstation: quantize, compare with float32, write a bundle.

`convert` has three steps: `preparation` checks the job and chooses the faces, `quantization` makes each target, and
`timing` measures latencies. Within the second step, `fallbacks` decides which variant to try next, `variants` describes
it, and a converter in `targets` makes its files with the quantizer of one runtime; `gate` decides whether it passes.
`bundle_writer` and `report` then write the result.

These are the public names. Each is imported when it is first used, so that ``import edge_fer_convert`` is instant.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from edge_fer.lazy import lazy_exports

if TYPE_CHECKING:
    from edge_fer_convert.bundle_writer import write_bundle
    from edge_fer_convert.conversion import convert
    from edge_fer_convert.float_model import FloatModel
    from edge_fer_convert.gate import Gate
    from edge_fer_convert.job import Data, Job
    from edge_fer_convert.model_metadata import ModelMetadata
    from edge_fer_convert.opening import open_model
    from edge_fer_convert.opening.choices import Choices
    from edge_fer_convert.report import html_report
    from edge_fer_convert.result import Conversion, TargetResult
    from edge_fer_convert.targets import TARGETS

_MODULES: Final = {
    "Choices": "opening.choices",
    "Conversion": "result",
    "Data": "job",
    "FloatModel": "float_model",
    "Gate": "gate",
    "Job": "job",
    "ModelMetadata": "model_metadata",
    "TARGETS": "targets",
    "TargetResult": "result",
    "convert": "conversion",
    "html_report": "report",
    "open_model": "opening",
    "write_bundle": "bundle_writer",
}

__all__ = [
    "TARGETS",
    "Choices",
    "Conversion",
    "Data",
    "FloatModel",
    "Gate",
    "Job",
    "ModelMetadata",
    "TargetResult",
    "convert",
    "html_report",
    "open_model",
    "write_bundle",
]

__getattr__, __dir__ = lazy_exports(__name__, _MODULES)
