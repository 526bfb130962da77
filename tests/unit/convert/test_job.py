from __future__ import annotations

import pytest

from edge_fer.errors import BadInput
from edge_fer_convert import Data


@pytest.mark.parametrize(("ending", "split", "images"), [("", "all", 490), ("#train", "train", 280)])
def test_data_is_named_after_its_source_and_part(faces, ending, split, images):
    data = Data.load(f"{faces}{ending}")
    assert (data.name, data.split, len(data.faces)) == (faces.name, split, images)


def test_labels_are_in_the_order_that_is_asked_for(faces):
    labels = tuple(reversed(Data.load(faces).labels))
    assert Data.load(faces, labels).labels == labels


def test_a_source_that_does_not_exist_is_refused(tmp_path):
    with pytest.raises(BadInput, match="nowhere"):
        Data.load(tmp_path / "nowhere")
