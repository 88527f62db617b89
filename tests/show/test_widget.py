"""show.widget: the pad in Python, and its front end as a notebook runs it."""

import json
import time
from types import SimpleNamespace

import numpy as np
import pytest
from waiting import until

from glyphnb import Autoencoder, ConditionalVAE, GlyphnbError, LatentPad, open_model

# A front end without Jupyter: the model of a widget, which passes messages on to Python.
HARNESS = """
async ({ script, style, traits, bytes }) => {
  document.head.append(Object.assign(document.createElement("style"), { textContent: style }));
  const url = URL.createObjectURL(new Blob([script], { type: "text/javascript" }));
  const { default: widget } = await import(url);
  const block = Uint8Array.from(atob(bytes), (c) => c.charCodeAt(0));
  const state = { ...traits, bytes: new DataView(block.buffer) };
  const listeners = {};
  const call = (name, ...args) => (listeners[name] ?? []).forEach((f) => f(...args));
  window.model = {
    get: (name) => state[name],
    set: (name, value) => { state[name] = value; call(`change:${name}`); },
    save_changes: () => window.toPython(JSON.stringify({ code: state.code })),
    on: (name, f) => (listeners[name] ??= []).push(f),
    off: (name, f) => (listeners[name] = listeners[name].filter((g) => g !== f)),
    send: async (content) => {
      const answer = JSON.parse(await window.toPython(JSON.stringify({ message: content })));
      if (!answer) return;
      const views = answer.buffers.map((text) =>
        new DataView(Uint8Array.from(atob(text), (c) => c.charCodeAt(0)).buffer));
      call("msg:custom", answer.content, views);
    },
  };
  const el = document.body.appendChild(document.createElement("div"));
  window.leave = await widget.render({ model: window.model, el });
  window.listeners = listeners;
}
"""


@pytest.fixture
def shown(new_page):
    "Show a pad in a browser; what its front end sends reaches the pad in Python."
    import base64

    def shown(pad, **options):
        page = new_page(**options)
        page.set_content("<!doctype html><title>pad</title><body></body>")
        page.asked = []

        def to_python(text):
            word = json.loads(text)
            if "code" in word:
                pad.set_state({"code": word["code"]})
                return "null"
            sent = []
            pad.send = lambda content, buffers=(): sent.append((content, buffers))
            page.asked.append(word["message"]["question"])
            pad._handle_custom_msg(word["message"], [])
            ((content, buffers),) = sent
            packed = [base64.b64encode(part).decode() for part in buffers]
            return json.dumps({"content": content, "buffers": packed})

        page.expose_function("toPython", to_python)
        traits = {"data": pad.data, "code": pad.code}
        parts = {"script": str(pad._esm), "style": str(pad._css), "traits": traits}
        page.evaluate(HARNESS, {**parts, "bytes": base64.b64encode(pad.bytes).decode()})
        page.wait_for_selector(".plane")
        page.evaluate("new Promise((done) => setTimeout(done, 300))")
        return page

    return shown


class Rings:
    "Functions that glyphnb knows nothing of: a code is the radius and the width of a ring."

    def __init__(self):
        self.calls = 0
        y, x = np.mgrid[-1:1:20j, -1:1:20j]
        self.radius = np.hypot(x, y)[None]

    def decode(self, codes):
        self.calls += 1
        r, w = (np.asarray(codes)[:, k, None, None] for k in (0, 1))
        ring = np.exp(-(((self.radius - 0.5 - 0.2 * r) / (0.1 + 0.02 * w**2)) ** 2))
        return ring[..., None].astype("float32")

    def encode(self, images):
        ink = np.asarray(images)[..., 0]
        r = (ink * self.radius).sum(axis=(1, 2)) / ink.sum(axis=(1, 2)).clip(1e-6)
        return np.stack([(r - 0.5) / 0.2, 0 * r], axis=1)


def test_the_code_is_checked_and_shown(shipped):
    pad = LatentPad(open_model(), code=[0.5, -1])
    assert pad.code == [0.5, -1.0]
    np.testing.assert_allclose(pad.image, shipped.decode([[0.5, -1]])[0], atol=1e-5)
    seen = []
    pad.observe(lambda change: seen.append(change["new"]), "code")
    pad.set_state({"code": [1, 2]})  # as a front end does
    assert seen == [[1.0, 2.0]]
    for bad in ([1], [1, 2, 3], [np.nan, 0]):
        with pytest.raises(GlyphnbError, match="2"):
            pad.code = bad
        assert pad.code == [1.0, 2.0]
    image = pad.still().image
    assert image.size == (5 * 66 - 2, 3 * 66 - 2)
    middle = 255 - np.asarray(image)[66:130, 132:196].astype(int)
    np.testing.assert_allclose(middle, 255 * pad.image[..., 0], atol=1)


@pytest.mark.parametrize(
    "arguments, word",
    [
        ({"model": Rings().decode}, "latent_dim"),
        ({"model": 3}, "`model`"),
        ({"model": open_model(), "code": [1]}, "`code` must have 2"),
        ({"model": open_model(), "pins": [[1, 2]]}, "`pins`"),
        ({"model": SimpleNamespace(decode=0, latent_dim=2, shape=(4, 4, 2))}, "channels"),
    ],
)
def test_what_does_not_fit_is_said(arguments, word):
    with pytest.raises(GlyphnbError, match=word):
        LatentPad(**arguments)


def test_a_model_with_labels_is_refused():
    with pytest.raises(GlyphnbError, match="label"):
        LatentPad(ConditionalVAE(3, shape=(4, 4, 1)))


def test_a_model_of_ours_runs_in_the_browser_and_its_code_reaches_python(shown, shipped):
    pad = LatentPad(open_model())
    page = shown(pad)
    box = page.locator(".plane").bounding_box()
    page.mouse.click(box["x"] + 0.3 * box["width"], box["y"] + 0.4 * box["height"])
    x0, y0, x1, y1 = pad.data["view"]
    place = [x0 + 0.3 * (x1 - x0), y1 - 0.4 * (y1 - y0)]
    until(page, lambda: np.allclose(pad.code, place, atol=0.05))
    assert page.asked == []  # Python was not asked for images
    page.evaluate("model.set('code', [1.5, 0.25])")  # Python sets the code
    until(page, lambda: "1.50, 0.25" in page.inner_text(".numbers"))
    code = page.evaluate("Array.from(document.querySelector('.glyphnb-pad').glyphnb.code)")
    assert code == [1.5, 0.25]
    page.evaluate("leave()")
    assert page.evaluate("document.querySelectorAll('.plane').length") == 0
    assert page.evaluate("Object.values(listeners).flat().length") == 0


def ink_of(page):
    "The 20 x 20 pixels of the letter that is shown, dark 0 to 255."
    ink = page.evaluate("""() => { const canvas = document.querySelector(".letter canvas");
        const { data } = canvas.getContext("2d").getImageData(0, 0, 20, 20);
        return Array.from({ length: 400 }, (_, i) => 255 - data[4 * i]); }""")
    return np.reshape(ink, (20, 20))


@pytest.mark.parametrize("with_encode", [True, False])
def test_functions_of_ones_own_are_asked_in_python(shown, with_encode):
    rings = Rings()
    encode = rings.encode if with_encode else None
    pad = LatentPad(rings.decode, encode, latent_dim=2, code=[1, 0.5])
    page = shown(pad)
    for code in ([1, 0.5], [-1.2, 1.5]):
        page.evaluate("(code) => model.set('code', code)", code)
        wanted = 255 * rings.decode([code])[0, ..., 0]
        until(page, lambda: np.allclose(ink_of(page), wanted, atol=1))  # noqa: B023
    assert page.locator(".draw").count() == with_encode
    if with_encode:
        page.fill(".draw input", "O")
        until(page, lambda: "code" in page.inner_text(".draw .note"))
        until(page, lambda: abs(pad.code[1]) < 1e-6)  # the code reaches Python
        assert "encode" in page.asked


def test_a_slow_function_is_asked_once_at_a_time_and_for_the_last_place(shown):
    def decode(codes):
        time.sleep(0.2)
        return np.full((len(codes), 4, 4, 1), codes[-1, 0], "float32")

    page = shown(LatentPad(decode, latent_dim=2, code=[0, 0]))
    page.wait_for_timeout(800)
    page.asked.clear()
    page.evaluate("""async () => { for (const x of [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 1]) {
        model.set("code", [x, 0]);
        await new Promise((done) => setTimeout(done, 25)); } }""")
    level = """document.querySelector(".letter canvas").getContext("2d")
        .getImageData(0, 0, 1, 1).data[0]"""
    until(page, f"{level} === 0")  # all ink, as at the last place
    assert len(page.asked) <= 3


def test_an_error_of_such_a_function_is_shown(shown):
    def decode(codes):
        if abs(codes[0, 0]) > 0.5:
            raise RuntimeError("too far")
        return np.zeros((len(codes), 8, 8, 1), "float32")

    page = shown(LatentPad(decode, latent_dim=2, code=[0, 0], pins=[[0, 0], [0.1, 0]]))
    page.evaluate("model.set('code', [1, 0])")
    until(page, lambda: "RuntimeError: too far" in page.inner_text(".morph .note"))
    page.evaluate("model.set('code', [0.1, 0])")
    until(page, lambda: page.inner_text(".morph .note") == "")


def test_layers_of_ones_own_are_asked_in_python(shown):
    import keras

    class Blur(keras.Layer):
        def call(self, x):
            return 0.5 * x

    x = keras.Input((2,))
    y = keras.layers.Reshape((4, 4, 1))(Blur()(keras.layers.Dense(16)(x)))
    pad = LatentPad(Autoencoder(2, shape=(4, 4, 1), decoder=keras.Model(x, y)))
    assert pad.data["decoder"] is None
    page = shown(pad)
    assert "decode" in page.asked


def test_a_notebook_has_its_own_darkness(shown):
    page = shown(LatentPad(open_model()), color_scheme="dark")
    for light, dark in (("true", "0"), ("false", "1")):
        page.evaluate(f"document.body.dataset.jpThemeLight = '{light}'")
        style = "getComputedStyle(document.querySelector('.glyphnb-pad'))"
        assert page.evaluate(f"{style}.getPropertyValue('--dark').trim()") == dark
