"""A result as text for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from edge_fer_bench.results import percentiles

if TYPE_CHECKING:
    from collections.abc import Iterator

    from edge_fer_bench.results import Result


def render(result: Result) -> str:
    """Return the whole result as lines."""
    return "\n".join([*_head(result), "", *_stages(result), "", *_figures(result)])


def _head(result: Result) -> Iterator[str]:
    host, backend = result.host, result.backend
    yield f"edge-fer bench · {result.bundle} {result.target} · {result.frame_px[0]}x{result.frame_px[1]}, one face"
    yield f"{backend['runtime']} {backend['version']}, {backend['threads']} thread(s)"
    where = f"{host['model'] or host['cpu']} ({host['machine']})"
    yield f"{where}, {host['cores']} cores, {host['memory_mb']} MB, {host['system']}"
    yield f"CPU features: {' '.join(host['cpu_features']) or 'unknown'}; load before: {host['load_1min']:.2f}"


def _stages(result: Result) -> Iterator[str]:
    yield f"{'stage':<12}{'p50 ms':>10}{'p90 ms':>10}{'p99 ms':>10}"
    frames = result.frames_ms()
    rows = {**result.stages_ms, "frame": frames}
    for stage, values in rows.items():
        p50, p90, p99 = percentiles(values)
        note = "  the camera's drawing, not in frame" if stage == "capture" else ""
        yield f"{stage:<12}{p50:>10.3f}{p90:>10.3f}{p99:>10.3f}{note}"
    yield f"{1000 / frames.mean():.0f} frames a second ({len(frames)} frames, the camera left out)"


def _figures(result: Result) -> Iterator[str]:
    for target, values in result.classifier_ms.items():
        p50, p90, p99 = percentiles(values)
        yield f"{target + ', one face':<32} {p50:.3f} / {p90:.3f} / {p99:.3f} ms (p50/p90/p99)"
    int8, float32 = (result.classifier_ms.get(f"litert-{precision}") for precision in ("int8", "float32"))
    if int8 and float32:
        yield f"{'int8 against float32':<32} {np.median(float32) / np.median(int8):.2f}x as fast"
    yield f"{'process start to first result':<32} {np.median(result.first_result_s):.2f} s"
    yield f"{'peak memory of edge-fer run':<32} {max(result.peak_memory_mb):.0f} MB"
    golden = result.golden
    verdict = "match" if golden.passed else "DO NOT MATCH"
    yield f"{'golden answers':<32} {verdict} ({golden.same_label}/{golden.inputs} labels, worst {golden.worst:.5f})"
    tracking = result.tracking
    yield f"{'tracked boxes, full search':<32} mean IoU {np.mean(tracking.iou):.3f} over {len(tracking.iou)} frames"
    yield f"{'lost face found again':<32} {max(tracking.found_again_s):.2f} s at worst of {len(tracking.found_again_s)}"
    for worth in result.accuracy:
        title = f"{worth.target} on {worth.data}"
        yield f"{title:<32} {worth.accuracy:.2%}, macro-F1 {worth.macro_f1:.3f} ({worth.images} images)"
