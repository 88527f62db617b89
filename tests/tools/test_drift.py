"""tools/drift.py: what a chapter shows is what it showed when it was committed."""

import base64
import importlib.util
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def drift():
    spec = importlib.util.spec_from_file_location("drift", ROOT / "tools" / "drift.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def printed(text, name="stdout"):
    return [{"output_type": "stream", "name": name, "text": text.splitlines(keepends=True)}]


def shown(**data):
    kinds = {kind.replace("_", "/"): said for kind, said in data.items()}
    return [{"output_type": "display_data", "metadata": {}, "data": kinds}]


def picture(pixels):
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue()).decode()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("loss 93.4 nats", "loss 95.1 nats"),  # within a tenth
        ("12 of 400", "14 of 400"),  # three units of the last digit
        ("error 1e-06", "error 3e-06"),
        ("a  b\nc", "a b c"),  # spaces
    ],
)
def test_small_differences_pass(drift, before, after):
    assert drift.apart(printed(before), printed(after)) == []


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("loss 93.4 nats", "loss 80.0 nats", "93.4 became 80.0"),
        ("12 of 400", "17 of 400", "12 became 17"),
        ("-3.2 dB", "3.2 dB", "-3.2 became 3.2"),
        ("20,000 images", "2,000 images", "20,000 became 2,000"),
        ("it reads ب", "it reads ت", "'ب' became 'ت'"),
        ("one line", "one line more", "'nothing' became 'more'"),
        ("one line", "", "'one' became 'nothing'"),
        ("", "a warning", "'nothing' became 'a'"),
    ],
)
def test_drift_is_told(drift, before, after, said):
    assert drift.apart(printed(before), printed(after)) == [said]


def test_what_is_shown_counts_and_not_how(drift):
    table = "| a | 3 |"
    assert not drift.apart(shown(text_markdown=table, text_plain="<Markdown>"), printed(table))
    page = shown(text_html="<style>p {x: 1}</style><p>loss <b>3.0</b></p>")
    assert not drift.apart(page, printed("loss 3.0"))
    assert not drift.apart([], printed("a warning of a library", name="stderr"))


def test_pictures_are_compared_by_their_ink(drift):
    pixels = np.full((80, 120), 255, np.uint8)
    pixels[20:60, 30:34] = 0
    same, moved, other = pixels.copy(), np.roll(pixels, 1, axis=1), np.roll(pixels, 40, axis=1)
    committed = shown(
        text_html=f'<figure class="described">\n<img src="data:image/png;base64,{picture(pixels)}">'
    )
    for kept in (same, moved):
        assert drift.apart(committed, shown(image_png=picture(kept))) == []
    (said,) = drift.apart(committed, shown(image_png=picture(other)))
    assert said.startswith("a picture differs by 19")  # per cent: almost nothing is where it was
    (said,) = drift.apart(committed, shown(image_png=picture(pixels[:40])))
    assert said == "a picture of 120 x 80 became 120 x 40"
    assert drift.apart(committed, []) == ["1 pictures became 0"]
