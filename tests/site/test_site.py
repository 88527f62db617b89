"""The site, read from disk: links, order, pictures, folds, search, mathematics, phone and dark."""

import io
import json
import re
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).parents[2]
NBS = ROOT / "nbs"
CHAPTERS = sorted(NBS.glob("[0-9]*/[0-9]*.ipynb"))
NAMES = [path.relative_to(NBS).with_suffix(".html").as_posix() for path in CHAPTERS]
SOME = ["index.html", "0_start/00_tour.html"]
SOME += ["3_vae/35_prior.html", "2_autoencoders/28_lossless.html"]
SOME += ["api/glyphnb.vae.html", "bibliography.html", "explore.html"]


class Page(HTMLParser):
    "What a page holds: where it leads, its anchors, its pictures, what it loads by itself."

    def __init__(self, path):
        super().__init__()
        self.ids, self.links, self.loads, self.pictures, self.follows = set(), [], [], [], {}
        self.article = False
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        said = dict(attributes)
        self.ids.add(said.get("id"))
        self.article = self.article or tag == "article"
        if tag == "a" and "href" in said:
            self.links.append(said["href"])
        elif tag in ("img", "script", "iframe", "source", "link"):
            loaded = said.get("src") or said.get("srcset") or said.get("href")
            self.loads += [loaded] if loaded and said.get("rel") not in ("next", "prev") else []
        if tag == "link" and said.get("rel") in ("next", "prev"):
            self.follows[said["rel"]] = said["href"]
        if tag == "img" and self.article:
            self.pictures.append(said)

    def handle_endtag(self, tag):
        self.article = self.article and tag != "article"


def typeset(page):
    "Wait until formulas stand; a page without one does not load MathJax."
    page.wait_for_function("!window.MathJax || MathJax.startup.promise.then(() => true)")


@pytest.fixture(scope="session")
def pages(site):
    return {path: Page(path) for path in site.rglob("*.html") if "_static" not in path.parts}


@cache
def cells(path):
    found = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return [(cell["cell_type"], "".join(cell["source"])) for cell in found]


def test_every_link_of_every_page_leads_somewhere(pages, site):
    lost = []
    for path, page in pages.items():
        for link in page.links + page.loads + list(page.follows.values()):
            parts = urlsplit(link)
            if parts.scheme or link.startswith("#") and len(link) < 2:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            anchor = unquote(parts.fragment)
            known = pages[target].ids if target in pages else {anchor}
            if not target.is_file() or (anchor and anchor not in known):
                lost.append((path.relative_to(site).as_posix(), link))
    assert not lost
    assert len(pages) > len(CHAPTERS) + 10


def test_a_page_loads_nothing_from_elsewhere(pages):
    loaded = {link for page in pages.values() for link in page.loads}
    assert not {link for link in loaded if re.match(r"(?!data:)\w*:?//|\w+://", link)}


def test_next_and_previous_are_the_order_of_reading(pages, site):
    order, path = [], site / "index.html"
    while "next" in pages[path].follows:
        following = (path.parent / pages[path].follows["next"]).resolve()
        back = (following.parent / pages[following].follows["prev"]).resolve()
        assert back == path
        path = following
        order.append(path.relative_to(site).as_posix())
    assert order[: len(NAMES)] == NAMES
    assert {"explore.html", "glossary.html", "bibliography.html", "api/glyphnb.vae.html"} <= set(
        order
    )


def test_every_page_shows_every_chapter_in_its_navigation(pages, site):
    for path in (site / "index.html", site / NAMES[40]):
        there = {(path.parent / link).resolve() for link in pages[path].links if "#" not in link}
        assert {site / name for name in NAMES if site / name != path} <= there


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
class TestChapter:
    def test_opens_in_colab_and_is_downloaded_as_it_is(self, pages, site, path):
        name = path.relative_to(NBS).as_posix()
        page = site / name.replace(".ipynb", ".html")
        colab = [link for link in pages[page].links if "google.com/github" in link]
        assert colab and all(link.endswith(f"/blob/main/nbs/{name}") for link in colab)
        there = {(page.parent / link).resolve() for link in pages[page].links if "_sources" in link}
        assert [found.read_bytes() for found in there] == [path.read_bytes()]

    def test_pictures_have_alternative_texts_and_captions(self, pages, site, path):
        page = site / path.relative_to(NBS).with_suffix(".html")
        shown = [picture.get("alt") for picture in pages[page].pictures]
        assert all(shown) and not [alt for alt in shown if alt.endswith((".png", ".gif"))]
        texts = [re.search(r'^#\| fig-alt: (".*")$', text, re.M) for _, text in cells(path)]
        told = [json.loads(found[1]) for found in texts if found]
        assert len(shown) == len(told)
        stills = page.read_text(encoding="utf-8").count("<picture>")  # these bring their own text
        assert sum(a != b for a, b in zip(told, shown, strict=True)) <= stills
        source = page.read_text(encoding="utf-8")
        captions = [re.search(r"#\| fig-cap: (.*)", text) for _, text in cells(path)]
        assert source.count("<figcaption") == sum(1 for found in captions if found)

    def test_folds_graders_and_solutions_and_hides_what_is_hidden(self, site, path):
        source = (site / path.relative_to(NBS).with_suffix(".html")).read_text(encoding="utf-8")
        texts = [text for kind, text in cells(path) if kind == "code"]
        graders = [text for text in texts if text.startswith("#| hide") and "Exercise(" in text]
        solutions = [text for text in texts if text.startswith("#| code-fold: true")]
        for title, wanted in (("Grader", graders), ("Solution", solutions)):
            folds = re.findall(rf"<details([^>]*)>\s*<summary[^>]*>\s*<p[^>]*>{title}<", source)
            assert len(folds) == len(wanted) and "open" not in " ".join(folds)
        hidden = [text for text in texts if text.startswith("#| hide") and text not in graders]
        assert source.count('class="cell_input') == len(texts) - len(hidden) - sum(
            text.startswith("#| default_exp") for text in texts
        )
        shown = re.sub(r"<[^>]+>", "", source)
        assert "#| " not in shown and ".check(solution" not in shown and "{#" not in shown


def test_a_solution_is_seen_only_when_it_is_opened(site, new_page):
    page = new_page()
    page.goto((site / "3_vae/31_vae.html").as_uri())
    folds = page.locator("details", has_text="Solution")
    assert folds.count() == 3
    for inside in (folds.first.locator("pre").first, folds.first.locator(".cell_output").first):
        assert not inside.is_visible()
    folds.first.locator("summary").click()
    assert folds.first.locator("pre").first.is_visible()


def test_search_finds_chapters_terms_and_functions_without_a_server(site, new_page):
    page = new_page()
    page.goto((site / "index.html").as_uri())
    page.keyboard.press("Control+k")
    page.keyboard.type("posterior collapse")
    page.keyboard.press("Enter")
    results = page.locator("#search-results li a")
    results.first.wait_for(timeout=10_000)
    page.wait_for_function("document.querySelector('#search-results').innerText.includes('found')")
    titles = " ".join(results.all_inner_texts())
    assert "posterior collapse" in titles and "The variational autoencoder" in titles
    page.goto((site / "search.html").as_uri() + "?q=kl_divergence")
    results.first.wait_for(timeout=10_000)
    assert "glyphnb.vae.elbo.kl_divergence" in " ".join(results.all_inner_texts())
    results.first.click()
    page.wait_for_load_state()
    assert "kl_divergence" in page.inner_text("article")


@pytest.mark.parametrize("name", ["3_vae/30_elbo.html", "glossary.html"])
def test_mathematics_is_typeset(site, new_page, name):
    page = new_page()
    page.goto((site / name).as_uri())
    typeset(page)
    assert page.locator("article .math").count() > 20
    assert page.locator("article .math:not(:has(mjx-container svg))").count() == 0
    assert page.locator("mjx-merror, [data-mjx-error]").count() == 0
    assert not re.search(r"\\[(\[a-z]", page.inner_text("article p >> nth=3"))


@pytest.mark.parametrize("name", SOME)
def test_fits_a_phone(site, new_page, name):
    page = new_page(viewport={"width": 390, "height": 800})
    page.goto((site / name).as_uri())
    typeset(page)
    wide = page.evaluate(
        """() => [...document.querySelectorAll('article *')].filter(part => {
          const box = part.getBoundingClientRect();
          let scrolls = part;
          while (scrolls && !/auto|scroll|hidden/.test(getComputedStyle(scrolls).overflowX))
            scrolls = scrolls.parentElement;
          return box.width && box.right > 391 && (!scrolls || scrolls.tagName === 'BODY');
        }).map(part => part.outerHTML.slice(0, 90))"""
    )
    assert not wide
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert page.evaluate("parseFloat(getComputedStyle(document.querySelector('p')).fontSize)") >= 15


def test_the_navigation_marks_the_spine(site, new_page):
    "The tour and nine chapters, on each page; the page that is open, too."
    page = new_page()
    for name in ("0_start/00_tour.html", "2_autoencoders/25_maps.html"):
        page.goto((site / name).as_uri())
        marked = page.locator(".bd-links a.spine")
        assert marked.count() == 10
        assert {"The VAE loss", "Denoising"} <= {text.strip() for text in marked.all_inner_texts()}
        star = "a => getComputedStyle(a, '::before').content"
        assert all("★" in link.evaluate(star) for link in marked.all())


def test_texts_in_figures_are_as_large_as_the_prose_on_a_phone(site, new_page):
    page = new_page(viewport={"width": 390, "height": 800})
    page.goto((site / "3_vae/31_vae.html").as_uri())
    figures = page.locator("article img.texts")
    assert figures.count() >= 2
    for i in range(figures.count()):
        address, width, wide, focus = figures.nth(i).evaluate(
            """image => [image.src, image.getBoundingClientRect().width,
              image.closest("figure").scrollWidth, image.closest("figure").tabIndex]"""
        )
        with Image.open(io.BytesIO(Path(unquote(urlsplit(address).path)).read_bytes())) as image:
            pixels = float(image.info["smallest text"].removesuffix(" px"))
            assert pixels * width / image.width > 15.9, address
        assert wide >= width and focus == 0  # the figure scrolls, also by keyboard


def test_pictures_can_be_read_in_the_dark(site, new_page):
    page = new_page(color_scheme="dark")
    page.goto((site / "3_vae/31_vae.html").as_uri())
    paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert max(int(level) for level in re.findall(r"\d+", paper)[:3]) < 60
    figures = page.locator("article figure img")
    assert figures.count() >= 5
    for i in range(3):
        shot = Image.open(io.BytesIO(figures.nth(i).screenshot())).convert("L")
        levels = np.asarray(shot)[8:-8, 8:-8]
        assert np.median(levels) > 180  # ink stays on light paper
        assert np.ptp(levels) > 150


def test_the_reader_chooses_the_dark_and_it_stays(site, new_page):
    page = new_page(color_scheme="light")
    page.goto((site / "glossary.html").as_uri())
    dark = """getComputedStyle(document.body).backgroundColor
              .match(/\\d+/g).slice(0, 3).every(level => level < 60)"""
    assert not page.evaluate(dark)
    for _ in range(3):  # older themes change at each click, newer ones show a list
        page.locator("button.theme-switch-button >> visible=true").first.click()
        if page.locator("button.theme-change-button").count():
            page.locator("button.theme-change-button[data-mode=dark] >> visible=true").click()
        if page.evaluate("document.documentElement.dataset.theme") == "dark":
            break
    page.wait_for_function(dark)
    page.reload()
    page.wait_for_function(dark)


def test_the_plane_is_in_the_site_and_draws(site, new_page):
    page = new_page()
    page.goto((site / "explore.html").as_uri())
    frame = page.frame_locator("iframe")
    frame.locator("canvas").first.wait_for(timeout=10_000)
    shot = Image.open(io.BytesIO(frame.locator("canvas").first.screenshot())).convert("L")
    assert np.ptp(np.asarray(shot)) > 100


def test_a_bold_term_leads_to_the_glossary_and_a_paper_to_its_page(pages, site):
    links = pages[site / "3_vae/30_elbo.html"].links
    assert "../glossary.html#approximate-posterior" in links
    assert "https://arxiv.org/abs/1312.6114" in links


def test_the_reference_says_what_comments_say_and_leads_to_the_code(pages, site):
    source = (site / "api" / "glyphnb.vae.html").read_text(encoding="utf-8")
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", source))
    assert "latent_dim int 2 Numbers in a code" in text
    assert "returns (batch,) nats, at least 0" in text
    assert "https://arxiv.org/abs/1312.6114" in pages[site / "api" / "glyphnb.vae.html"].links
    shown = "../3_vae/31_vae.html#source-of-glyphnb-vae-vae-vae"
    assert shown in pages[site / "api" / "glyphnb.vae.html"].links
    for module in ROOT.glob("glyphnb/*/*.py"):
        exported = re.search(
            r"^__all__ = (\[.*?\])", module.read_text(encoding="utf-8"), re.M | re.S
        )
        if exported:
            name = f"glyphnb.{module.parent.name}"
            ids = pages[site / "api" / f"{name}.html"].ids
            wanted = {f"{name}.{module.stem}.{one}" for one in re.findall(r"'(\w+)'", exported[1])}
            assert wanted <= ids, wanted - ids


@pytest.mark.parametrize("scheme, name", [("light", NAMES[1]), ("dark", "api/glyphnb.judge.html")])
def test_nothing_serious_keeps_a_reader_out(site, new_page, scheme, name):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    page = new_page(color_scheme=scheme)
    page.goto((site / name).as_uri())
    typeset(page)
    found = axe.run(page, options={"preload": False}).response["violations"]
    serious = [fault for fault in found if fault["impact"] in ("serious", "critical")]
    assert not [(fault["id"], fault["nodes"][0]["html"]) for fault in serious]
