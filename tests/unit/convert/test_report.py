from __future__ import annotations

import json
import re
from dataclasses import replace
from html import escape
from html.parser import HTMLParser

import pytest

for module in ("tensorflow", "litert_quantizer", "onnx", "onnxruntime", "openvino", "nncf", "jinja2", "rich"):
    pytest.importorskip(module, reason=f"{module} is not installed: pip install -e '.[convert]'")

from edge_fer_convert import TARGETS, html_report, report  # noqa: E402
from edge_fer_convert.failures import Failure  # noqa: E402


def test_the_report_holds_everything_and_needs_nothing_else(finished):
    conversion, _ = finished
    figures = report.as_dict(conversion)
    assert json.loads(json.dumps(figures)) == json.loads(json.dumps(figures, allow_nan=False))
    page = html_report(conversion)
    HTMLParser().feed(page)
    assert not re.search(r"""(src|href)\s*=\s*"(?!#)|@import|url\((?!#)""", page), (
        "the page loads something from elsewhere"
    )
    for target in figures["targets"]:
        assert target["target"] in page
        assert f"{target['accuracy']:.2%}" in page
    assert page.count("<svg") == 1
    assert page.count('class="confusion"') == sum(1 if name.endswith("float32") else 2 for name in TARGETS)


def _renamed(conversion, name):
    job = conversion.job
    return replace(conversion, job=replace(job, metadata=replace(job.metadata, name=name)))


def test_names_from_outside_are_escaped_in_the_report(finished):
    conversion, _ = finished
    nasty = _renamed(conversion, "<script>alert(1)</script>")
    assert "<script>" not in html_report(nasty)


def test_the_report_has_the_whole_messages_of_tools_and_each_once(finished):
    whole = f"Something is <wrong>. {'It is so in each of the layers. ' * 20}\nIn the last one, too."
    failure = Failure("onnx-int8", ValueError(whole))
    result = replace(finished[0].results[0], failures=(Failure("one variant cannot be made", ValueError(whole)),))
    conversion = replace(finished[0], results=(result,), failed={"onnx-int8": failure})
    assert report.as_dict(conversion)["tools_said"] == [
        {"what": "onnx-int8; litert-int8: one variant cannot be made", "text": whole}
    ]
    page = html_report(conversion)
    assert escape(whole) in page
    assert "What the tools said" in page
    assert "What the tools said" not in html_report(finished[0])


def test_the_table_has_a_row_a_target(finished):
    table = report.table(finished[0])
    assert table.row_count == len(TARGETS)
