"""Compare what a chapter shows with what it showed when it was committed.

Words must be the same. A number may differ by a tenth, or by three units of its last digit: sums
have another order on another processor, and a training makes small differences larger. A picture
must have the same size, and may differ by a fifth of its ink.
"""

import base64
import io
import re

NUMBER = re.compile(r"(?<![\w.])[-+−]?\d[\d,]*\.?\d*(?:e[-+]?\d+)?")
TAG = re.compile(r"<(script|style).*?</\1>|<[^>]*>", re.S)
NEAR, UNITS, INK = 0.1, 3, 0.2


def text_and_pictures(outputs):
    "What a reader sees of the outputs of a cell."
    text, pictures = [], []
    for output in outputs:
        if output["output_type"] == "stream":
            text += [] if output["name"] == "stderr" else ["".join(output["text"])]
            continue
        data = {kind: "".join(said) for kind, said in output.get("data", {}).items() if said}
        image = data.get("image/png") or data.get("image/gif")
        page = re.search(r'<img src="data:image/\w+;base64,([^"]+)"', data.get("text/html", ""))
        if image or page:
            pictures.append(image or page[1])
        elif "text/html" in data:
            text.append(TAG.sub(" ", data["text/html"]))
        elif not any("widget" in kind for kind in data):
            text.append(data.get("text/markdown") or data.get("text/plain", ""))
    return re.sub(r"\s+", " ", " ".join(text)).strip(), pictures


def value(number):
    "A number, and a unit of its last digit."
    plain = number.replace(",", "").replace("−", "-")
    digits, _, power = plain.partition("e")
    unit = 10.0 ** (int(power or 0) - len(digits.partition(".")[2]))
    return float(plain), unit


def words_apart(before, after):
    "How two texts differ beyond the tolerance; an empty string if they do not."
    olds, news = NUMBER.findall(before), NUMBER.findall(after)
    old_words, new_words = NUMBER.sub("#", before).split(), NUMBER.sub("#", after).split()
    if old_words != new_words:
        pairs = zip([*old_words, "nothing"], [*new_words, "nothing"], strict=False)
        old, new = next((pair for pair in pairs if pair[0] != pair[1]), ("#", "#"))
        return f"{old!r} became {new!r}"
    for old, new in zip(olds, news, strict=True):
        (was, unit), (now, _) = value(old), value(new)
        if abs(was - now) > max(NEAR * max(abs(was), abs(now)), UNITS * unit):
            return f"{old} became {new}"
    return ""


def ink_apart(before, after):
    "The same for two pictures, in base 64."
    import numpy as np
    from PIL import Image, ImageFilter, ImageOps

    old, new = (
        ImageOps.invert(Image.open(io.BytesIO(base64.b64decode(image))).convert("L"))
        for image in (before, after)
    )
    if old.size != new.size:
        return "a picture of {} x {} became {} x {}".format(*old.size, *new.size)
    # Both are blurred: a line that moves by a pixel is the same line.
    blur = ImageFilter.GaussianBlur(8)
    old, new = (np.asarray(image.filter(blur), float) for image in (old, new))
    share = abs(old - new).sum() / max(old.sum(), 1)
    return f"a picture differs by {share:.0%} of its ink" if share > INK else ""


def apart(before, after):
    "How the outputs of a cell differ beyond the tolerance: a list of sentences."
    (old_text, old_pictures), (new_text, new_pictures) = map(text_and_pictures, (before, after))
    found = [words_apart(old_text, new_text)]
    if len(old_pictures) != len(new_pictures):
        found.append(f"{len(old_pictures)} pictures became {len(new_pictures)}")
    else:
        found += map(ink_apart, old_pictures, new_pictures)
    return [sentence for sentence in found if sentence]
