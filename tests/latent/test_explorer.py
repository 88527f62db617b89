"""latent.explorer: the page as a reader sees it, in a browser."""

import base64
import io
import re

import numpy as np
import pytest
from PIL import Image
from waiting import until

from glyphnb import GlyphnbError, GlyphSet, open_model
from glyphnb.latent.explorer import images_like_training, write_explorer

DESK, PHONE = {"width": 1280, "height": 1000}, {"width": 390, "height": 844}
PAD = "document.querySelector('.glyphnb-pad').glyphnb"


@pytest.fixture(scope="module")
def page_file(tmp_path_factory):
    return write_explorer(open_model(), tmp_path_factory.mktemp("page") / "explore.html")


@pytest.fixture
def explorer(new_page, page_file):
    "Open the page of the shipped model."

    def explorer(file=page_file, **options):
        page = new_page(**{"viewport": DESK, **options})
        page.goto(file.as_uri())
        page.wait_for_selector(".glyphnb-pad .plane", timeout=20_000)
        until(page, f"{PAD}.images !== null")
        return page

    return explorer


def code_of(page):
    return page.evaluate(f"Array.from({PAD}.code)")


def at_code(page, code, selector=".plane"):
    "Where on the screen a code of the plane is."
    box = page.locator(selector).bounding_box()
    x0, y0, x1, y1 = page.evaluate(f"{PAD}.data.view")
    x = box["x"] + (code[0] - x0) / (x1 - x0) * box["width"]
    return x, box["y"] + (y1 - code[1]) / (y1 - y0) * box["height"]


def drawn(page, selector):
    "The pixels of a canvas, light 0 to 255."
    picture = page.eval_on_selector(selector, "canvas => canvas.toDataURL().split(',')[1]")
    image = Image.open(io.BytesIO(base64.b64decode(picture))).convert("RGBA")
    white = Image.new("RGBA", image.size, "white")
    return np.asarray(Image.alpha_composite(white, image).convert("L")).astype(int)


def settled(page):
    page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


def test_one_file_small_and_without_addresses(page_file):
    assert page_file.stat().st_size < 1_500_000
    text = page_file.read_text("utf-8")
    assert not re.search(r"https?://|src=\"(?!data:)|@import|url\(", text)


def test_the_letters_are_those_of_keras(explorer, shipped):
    page = explorer()
    codes = shipped.prior.sample(200, seed=5)
    wanted = base64.b64encode(shipped.decode(codes).astype("<f4").tobytes()).decode()
    worst = page.evaluate(
        f"""([codes, wanted]) => {{
            const bytes = Uint8Array.from(atob(wanted), (c) => c.charCodeAt(0));
            const images = new Float32Array(bytes.buffer);
            let worst = 0;
            codes.forEach((code, k) => {PAD}.backend.decode(code).forEach((ink, i) => {{
                worst = Math.max(worst, Math.abs(ink - images[k * 4096 + i])); }}));
            return worst; }}""",
        [codes.tolist(), wanted],
    )
    assert 0 < worst <= 1e-5
    letters = shipped.letters.images[:5]
    found = page.evaluate(
        f"""(images) => images.map((image) => {{
            const {{ mean, deviation }} = {PAD}.backend.encode(Float32Array.from(image));
            return [Array.from(mean), Array.from(deviation)]; }})""",
        letters.reshape(len(letters), -1).tolist(),
    )
    mean, log_variance = shipped.posterior(letters)
    np.testing.assert_allclose(np.array(found)[:, 0], mean, atol=1e-5)
    np.testing.assert_allclose(np.array(found)[:, 1], np.exp(log_variance / 2), atol=1e-5)


def test_a_finger_moves_the_point_and_the_letter_follows(explorer, shipped):
    page = explorer(viewport=PHONE, has_touch=True, device_scale_factor=2)
    for code in ([1.5, -0.5], [-1.2, 0.8]):
        page.touchscreen.tap(*at_code(page, code))
        settled(page)
        np.testing.assert_allclose(code_of(page), code, atol=0.05)
        ink = shipped.decode([code_of(page)])[0, ..., 0]
        np.testing.assert_allclose(255 - drawn(page, ".letter canvas"), 255 * ink, atol=2)


def test_a_mouse_drags_the_point_and_the_pins(explorer):
    page = explorer()
    page.mouse.move(*at_code(page, [1.5, 1.5]))
    page.mouse.down()
    page.mouse.move(*at_code(page, [-0.5, -1.5]), steps=4)
    page.mouse.up()
    np.testing.assert_allclose(code_of(page), [-0.5, -1.5], atol=0.05)
    page.mouse.move(*at_code(page, [0, 0]))  # without the button nothing moves
    np.testing.assert_allclose(code_of(page), [-0.5, -1.5], atol=0.05)
    pin = page.evaluate(f"Array.from({PAD}.pins[1])")
    before = drawn(page, ".strip")
    page.mouse.move(*at_code(page, pin))
    page.mouse.down()
    page.mouse.move(*at_code(page, [2, -1]), steps=3)
    page.mouse.up()
    np.testing.assert_allclose(page.evaluate(f"Array.from({PAD}.pins[1])"), [2, -1], atol=0.05)
    until(page, lambda: abs(drawn(page, ".strip") - before).max() > 100)


def test_the_text_names_the_letters_that_are_near(explorer, shipped):
    page = explorer()
    codes = shipped.encode(shipped.letters)
    names = shipped.letters.letters.tolist()
    for k in (1, 9):
        page.select_option("select", label=names[k])
        settled(page)
        assert page.inner_text(".near") == f"at {names[k]}"
        np.testing.assert_allclose(code_of(page), codes[k], atol=2e-3)  # of half precision
    a, b = 0, 1
    places = codes[a] + np.linspace(0, 1, 21)[:, None] * (codes[b] - codes[a])
    texts = []
    for place in places:
        page.evaluate(f"(code) => {PAD}.setCode(code)", place.tolist())
        settled(page)
        texts.append(page.inner_text(".near"))
    assert texts[0] == f"at {names[a]}" and texts[-1] == f"at {names[b]}"
    assert any(text.startswith("between ") for text in texts)
    page.evaluate(f"{PAD}.setCode([30, 30])")
    settled(page)
    assert page.inner_text(".near").startswith("far from all letters; nearest is ")


def test_it_works_by_keyboard_alone(explorer):
    page = explorer()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "plane"
    start = code_of(page)
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Shift+ArrowUp")
    x, y = code_of(page)
    assert x > start[0] and y - start[1] > 3 * (x - start[0])
    page.keyboard.press("b")
    np.testing.assert_allclose(page.evaluate(f"Array.from({PAD}.pins[1])"), [x, y])
    page.keyboard.down("ArrowLeft")  # held: a steady walk
    page.wait_for_timeout(700)
    page.keyboard.up("ArrowLeft")
    walked = code_of(page)[0]
    page.wait_for_timeout(100)
    assert walked < start[0] and code_of(page)[0] == walked
    page.keyboard.press("Space")
    until(page, f"{PAD}.along > 0.1")
    assert page.inner_text(".main") == "Pause"
    page.keyboard.press("Space")
    seen = []
    for _ in range(14):
        page.keyboard.press("Tab")
        seen.append(
            page.evaluate("document.activeElement.textContent || document.activeElement.id")
        )
    text = " ".join(seen)
    for word in ("Pin here", "along", "Play", "Save GIF", "choose a letter", "z1", "z2", "Undo"):
        assert word in text, (word, seen)
    page.focus("input[id$=z2]")
    _, before = code_of(page)
    page.keyboard.press("ArrowRight")
    assert code_of(page)[1] > before


def test_a_letter_is_drawn_with_keys_and_encoded(explorer):
    page = explorer()
    page.focus(".box")
    for key in ("ArrowUp", *["Space"], *["ArrowDown"] * 9, "Space"):
        page.keyboard.press(key)
    page.wait_for_selector(".neighbours li")
    assert page.inner_text(".neighbours li >> nth=0").split()[0] == "ا"  # a vertical line
    page.keyboard.press("Delete")
    until(page, "!document.querySelector('.neighbours li')")
    assert "empty" in page.inner_text(".draw .note")


def test_a_letter_that_is_typed_is_found(explorer):
    page = explorer()
    for letter in "لب":
        page.fill(".draw input", letter)
        until(page, lambda: page.inner_text(".neighbours").split()[:1] == [letter])  # noqa: B023
    text = page.inner_text(".draw .note")
    assert re.search(r"mean \(-?\d\.\d+, -?\d\.\d+\), standard deviation \(0\.\d+, 0\.\d+\)", text)
    seen, back = (
        drawn(page, ".pair canvas >> nth=0"),
        drawn(page, ".pair figure >> nth=1 >> canvas"),
    )
    assert 0.5 < (255 - back).sum() / (255 - seen).sum() < 2 and abs(seen - back).mean() < 25
    mean = [float(n) for n in re.findall(r"-?\d\.\d+", text)[:2]]
    np.testing.assert_allclose(code_of(page), mean, atol=0.006)  # the point is there


def test_what_is_drawn_small_is_seen_large(explorer):
    page = explorer()
    sizes = []
    for side in (0.2, 0.8):
        page.click("button:text('Clear')")
        page.locator(".box").scroll_into_view_if_needed()
        box = page.locator(".box").bounding_box()
        x, y = (box[k] + 0.1 * box["width"] for k in "xy")
        page.mouse.move(x, y)
        page.mouse.down()
        page.mouse.move(x, y + side * box["width"], steps=8)
        page.mouse.move(x + side * box["width"] / 2, y + side * box["width"], steps=8)
        page.mouse.up()
        page.wait_for_selector(".neighbours li")
        settled(page)
        rows, columns = np.nonzero(drawn(page, ".pair canvas >> nth=0") < 128)
        sizes.append((np.ptp(rows), np.ptp(columns)))
        assert (
            abs(rows.min() + rows.max() - 63) <= 3 and abs(columns.min() + columns.max() - 63) <= 3
        )
    np.testing.assert_allclose(*sizes, atol=2)


def test_a_morph_plays_and_is_saved_as_gif(explorer, shipped):
    page = explorer()
    page.click(".main")
    until(page, f"{PAD}.along > 0.3")
    page.click(".main")
    stopped = code_of(page)
    page.wait_for_timeout(100)
    assert code_of(page) == stopped
    with page.expect_download() as download:
        page.click("button:text('Save GIF')")
    names = [page.inner_text(f".pin >> nth={k} >> bdi") for k in (0, 1)]
    assert download.value.suggested_filename == f"morph-{names[0]}-{names[1]}.gif"
    film = Image.open(io.BytesIO(download.value.path().read_bytes()))
    assert (film.format, film.size, film.n_frames) == ("GIF", (256, 256), 128)
    assert film.info["loop"] == 0
    frames = []
    for k in range(film.n_frames):
        film.seek(k)
        frames.append(np.asarray(film.convert("L"), int)[2::4, 2::4])
    ends = shipped.decode(page.evaluate(f"{PAD}.pins.map((pin) => Array.from(pin))"))
    for frame, end in ((frames[0], ends[0]), (frames[64], ends[1])):
        np.testing.assert_allclose(255 - frame, 255 * end[..., 0], atol=4)
    steps = [abs(b - a).mean() for a, b in zip(frames, frames[1:], strict=False)]
    assert max(steps) < 3 * np.mean(steps)  # at even speed, and back to the start
    assert abs(frames[-1] - frames[0]).mean() < 3 * np.mean(steps)


def test_sixty_frames_a_second(explorer):
    page = explorer(viewport=PHONE, device_scale_factor=3)
    times = page.evaluate(f"""() => Array.from({{ length: 60 }}, (_, k) => {{
        const begin = performance.now();
        {PAD}.setCode([2 * Math.sin(k / 9), 2 * Math.cos(k / 7)]);
        {PAD}.draw();
        return performance.now() - begin; }})""")
    assert np.median(times) < 1000 / 60


@pytest.mark.parametrize(
    "options", [{}, {"color_scheme": "dark"}, {"viewport": PHONE}], ids=["light", "dark", "phone"]
)
def test_nothing_is_wrong_for_a_screen_reader(explorer, options):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    page = explorer(**options)
    page.fill(".draw input", "ب")
    page.wait_for_selector(".neighbours li")
    found = axe.run(page).response["violations"]
    serious = [v for v in found if v["impact"] in ("serious", "critical")]
    assert not serious, [(v["id"], [node["html"][:200] for node in v["nodes"]]) for v in serious]
    for role, *names in (
        ("application", "Plane of codes", "Box to draw a letter in"),
        ("slider", "z 1", "z 2", "Place along the morph"),
        ("button", "Set pin A here; now at ", "Set pin B", "Play", "Save GIF", "Undo", "Clear"),
        ("combobox", "Go to"),
        ("textbox", "or type it"),
        ("img", "The letter drawn here, at ب", "The morph from ", "Its reconstruction, near ب"),
        ("heading", "Draw a letter"),
    ):
        for name in names:
            assert page.get_by_role(role, name=name).count() == 1, name
    page.evaluate(f"{PAD}.setCode({PAD}.pins[0])")
    until(
        page,
        "document.querySelector('[aria-live]').textContent"
        "=== document.querySelector('.near').textContent",
    )
    near = page.inner_text(".near")
    until(page, lambda: near in page.get_attribute(".letter canvas", "aria-label"))


def test_light_on_dark_in_the_dark(explorer):
    page, seen = explorer(color_scheme="dark"), {}
    for scheme in ("dark", "light"):  # it follows while it is open
        page.emulate_media(color_scheme=scheme)
        settled(page)
        seen[scheme] = drawn(page, ".letter canvas")
        paper, ink = page.evaluate(
            "['backgroundColor', 'color'].map((name) => getComputedStyle(document.body)[name])"
        )
        level = [sum(map(int, re.findall(r"\d+", colour)[:3])) for colour in (paper, ink)]
        assert (level[0] - level[1]) * (1 if scheme == "light" else -1) > 400
    light, dark = seen["light"], seen["dark"]
    assert light[0, 0] > 240 > 60 > light.min() and dark[0, 0] < 60 < 200 < dark.max()


def test_with_reduced_motion_images_come_one_by_one(explorer):
    page = explorer(reduced_motion="reduce")
    page.click(".main")
    seen = set()
    for _ in range(9):
        page.wait_for_timeout(100)
        seen.add(page.evaluate(f"{PAD}.along"))
    seen.discard(None)
    assert 2 <= len(seen) <= 4 and all(8 * along % 1 == 0 for along in seen)


def test_nothing_is_wider_than_the_screen(explorer):
    page = explorer(viewport=PHONE)
    page.fill(".draw input", "ب")
    page.wait_for_selector(".neighbours li")
    assert page.locator(".plane").bounding_box()["y"] < 844 / 2  # letter and plane together
    for width in (390, 320, 768, 1280):
        page.set_viewport_size({"width": width, "height": 844})
        settled(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        for k in range(page.locator("button").count()):
            box = page.locator("button").nth(k).bounding_box()
            assert box["height"] >= 44 and box["width"] >= 44  # for a finger


@pytest.fixture(scope="module")
def wide(letters):
    "A VAE of 16 numbers, convolutional, of coloured images, with letters and without training."
    from glyphnb import letter_vae

    vae = letter_vae(10, channels=3, seed=1)
    ink = np.stack([letters.ink, letters.ink // 2, 0 * letters.ink], axis=-1)
    vae.letters = GlyphSet(ink[:6], letters.letters[:6], letters.faces[:6])
    return vae


def test_more_than_two_numbers_have_a_slider_each_and_a_map(explorer, wide, tmp_path):
    page = explorer(
        write_explorer(wide, tmp_path / "wide.html", known=wide.letters, name="wide.keras")
    )
    assert page.inner_text("h1") == "wide.keras: 6 letters in 16 numbers"
    assert page.locator(".sliders input").count() == 16
    before = code_of(page)
    page.focus("input[id$=z16]")
    page.keyboard.press("Shift+ArrowRight")
    after = code_of(page)
    assert after[:15] == before[:15] and after[15] > before[15]
    # The map: a place gives a code that lies there, and a picture of it.
    for place in ([0.3, 0.2], [-0.5, 0.1]):
        code = page.evaluate(f"(p) => Array.from({PAD}.codeAt(...p))", place)
        np.testing.assert_allclose(page.evaluate(f"(c) => {PAD}.onMap(c)", code), place, atol=1e-4)
    known = wide.encode(wide.letters)
    page.evaluate(f"(c) => {PAD}.setCode(c)", known[3].tolist())
    settled(page)
    ink = page.evaluate(f"Array.from({PAD}.backend.decode({PAD}.code))")
    wanted = wide.decode(known[3:4])
    np.testing.assert_allclose(np.reshape(ink, wanted.shape), wanted, atol=1e-5)
    assert page.evaluate("document.documentElement.scrollWidth") <= 1280
    page.fill(".draw input", "ب")
    page.wait_for_selector(".neighbours li")


@pytest.mark.parametrize("d, shape, title", [(1, (12, 8, 1), "line"), (3, (8, 12, 3), "3 numbers")])
def test_codes_of_one_number_and_images_that_are_not_square(explorer, tmp_path, d, shape, title):
    from glyphnb import VAE

    ink = np.zeros((1, *shape), np.uint8)
    ink[:, 2:6, 2:6] = 255
    one = GlyphSet(ink if shape[2] == 3 else ink[..., 0], ["a"], ["me"])
    vae = VAE(d, shape=shape)
    page = explorer(write_explorer(vae, tmp_path / "odd.html", one, one))
    assert page.inner_text("h1").startswith("1 letter ") and title in page.inner_text("h1")
    box = page.locator(".plane").bounding_box()
    page.mouse.click(box["x"] + 0.7 * box["width"], box["y"] + 0.4 * box["height"])
    settled(page)
    code = code_of(page)
    ink = page.evaluate(f"Array.from({PAD}.backend.decode({PAD}.code))")
    np.testing.assert_allclose(np.reshape(ink, shape), vae.decode([code])[0], atol=1e-5)
    page.fill(".draw input", "x")
    page.wait_for_selector(".neighbours li")
    assert abs(code_of(page)[0] - code[0]) > 0


def test_a_model_without_letters_has_a_plane_all_the_same(explorer, tmp_path):
    from glyphnb import Autoencoder

    page = explorer(write_explorer(Autoencoder(2, shape=(16, 20, 1)), tmp_path / "bare.html"))
    assert page.locator("select").count() == 0 and page.inner_text(".near") == ""
    page.mouse.click(*at_code(page, [1, 1]))
    np.testing.assert_allclose(code_of(page), [1, 1], atol=0.05)


def test_names_cannot_write_html(explorer, shipped, tmp_path):
    names = ["</script><script>alert(1)</script>", "<b>b</b>", *shipped.letters.letters[2:]]
    odd = GlyphSet(shipped.letters.ink, names, shipped.letters.faces)
    page = explorer(write_explorer(open_model(), tmp_path / "odd.html", odd, odd, name="<i>x</i>"))
    assert page.inner_text("h1").startswith("<i>x</i>: ")
    page.evaluate(f"{PAD}.setCode({PAD}.pins[0])")
    settled(page)
    assert "<script>" in page.inner_text(".near")


def test_a_model_that_no_browser_can_run_is_refused(tmp_path, letters):
    import keras

    from glyphnb import VAE, ConditionalVAE

    class Blur(keras.Layer):
        def call(self, x):
            return x

    x = keras.Input((2,))
    decoder = keras.Model(
        x, keras.layers.Reshape((4, 4, 1))(Blur(name="soft")(keras.layers.Dense(16)(x)))
    )
    with pytest.raises(GlyphnbError, match="'soft' .Blur."):
        write_explorer(VAE(shape=(4, 4, 1), decoder=decoder), tmp_path / "no.html")
    with pytest.raises(GlyphnbError, match="label"):
        write_explorer(ConditionalVAE(3, shape=(4, 4, 1)), tmp_path / "no.html")
    assert not list(tmp_path.iterdir())


def test_images_like_those_of_the_training(letters, monkeypatch):
    import sys

    found = images_like_training(letters, n=100)
    assert len(found) == 100 and set(found.letters) <= set(letters.letters)
    for name in [name for name in sys.modules if name.split(".")[0] == "scipy"]:
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setitem(sys.modules, "scipy", None)
    plain = images_like_training(letters, n=100)  # where only the light packages are installed
    assert len(plain) == 100 and abs(plain.ink.mean() / found.ink.mean() - 1) < 0.2
