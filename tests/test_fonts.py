"""Completing a face: from fonts and images of all sorts, and one line where it cannot be done."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from glyphnb.fonts import (
    Faces,
    StyleSpace,
    align_faces,
    complete_letters,
    fill_outline,
    fit_letters,
    learn_styles,
    overlaps,
    read_letters,
    restyle,
    signed_distance,
)
from glyphnb.glyphs import GLYPH_SETS, GlyphSet, find_fonts, load_image, render_glyphs

GLYPHNB = str(Path(sys.executable).with_name("glyphnb"))


def run(*words, cwd):
    return subprocess.run(
        [GLYPHNB, "complete", *map(str, words)],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, "TQDM_DISABLE": "1"},
    )


@pytest.fixture(scope="module")
def digits():
    "Ten digits of all faces, and a style space without those of STIX."
    glyphs = render_glyphs("digits", list(find_fonts()), size=160)
    known = glyphs[glyphs.families != "STIX"]
    return glyphs, StyleSpace(restyle(align_faces(known), 6))


def test_distances_of_a_disc():
    y, x = np.mgrid[:101, :101] - 50
    radius = np.hypot(x, y)
    found = signed_distance(np.where(radius < 30, 255, 0).astype(np.uint8))
    np.testing.assert_allclose(found, radius - 30, atol=1.1)
    assert abs((found - (radius - 30)).mean()) < 0.1  # no half pixel gets lost on one side


def test_a_frame_does_not_depend_on_the_size_or_place_of_the_drawing():
    glyphs = render_glyphs("ABCD", list(find_fonts())[:9], size=200)
    faces = align_faces(glyphs)
    face = glyphs[glyphs.faces == "DejaVu Serif"]
    once = fit_letters(face, faces)
    wide = np.pad(face.ink, ((0, 0), (100, 100), (100, 100)))
    np.testing.assert_allclose(
        fit_letters(GlyphSet(wide, face.letters, face.faces), faces), once, atol=1e-3
    )
    small = render_glyphs("ABCD", "DejaVu Serif", size=120)
    assert overlaps(fill_outline(fit_letters(small, faces)), fill_outline(once)).min() > 0.9
    twice = fit_letters(face, faces, zoom=2)
    np.testing.assert_allclose(twice.reshape(4, 48, 2, 48, 2).mean((2, 4)) / 2, once, atol=0.6)


def test_letters_of_unequal_scale_get_their_usual_heights():
    glyphs = render_glyphs("ABCD", list(find_fonts()), size=200)
    faces = align_faces(glyphs)
    face = glyphs[glyphs.faces == "STIX"]
    half = [np.asarray(Image.fromarray(ink).resize((100, 100))) for ink in face.ink[::2]]
    mixed = face.ink.copy()
    mixed[::2] = np.pad(np.stack(half), ((0, 0), (50, 50), (50, 50)))
    apart = fit_letters(GlyphSet(mixed, face.letters, face.faces), faces, together=False)
    whole = fit_letters(face, faces)
    assert overlaps(fill_outline(apart), fill_outline(whole)).min() > 0.7
    squeezed = fit_letters(GlyphSet(mixed, face.letters, face.faces), faces)
    assert overlaps(fill_outline(squeezed), fill_outline(whole)).min() < 0.6


def test_a_style_is_shared_by_all_letters(digits):
    glyphs, space = digits
    mean = fill_outline(space.mean.reshape(-1, 48, 48))
    for name in ("STIX", "STIX Bold", "STIX Italic", "STIX Bold Italic"):
        face = glyphs[glyphs.faces == name]
        for n in (1, 3, 6):
            distances = fit_letters(face, space, known=np.arange(n))
            truth = fill_outline(distances)[6:]  # never given
            guess = space.complete(distances[:n], face.letters[:n])
            assert (0 <= guess.chance).all() and (guess.chance <= 1).all()
            error = ((truth - guess.chance[6:]) ** 2).sum()
            assert error < 0.9 * ((truth - mean[6:]) ** 2).sum(), (name, n)
    backwards = space.complete(distances[:6], face.letters[5::-1])  # letters by the wrong names
    assert ((truth - backwards.chance[6:]) ** 2).sum() > error


def test_less_noise_means_more_trust_in_what_is_given(digits):
    glyphs, _ = digits
    faces = restyle(align_faces(glyphs[glyphs.families != "STIX"]), 2)
    given = fit_letters(glyphs[glyphs.faces == "STIX Bold Italic"], faces)[:2]
    errors, lengths = [], []
    for noise in (1.0, 100.0, 1e7):
        space = StyleSpace(faces, noise=noise)
        seen = np.clip(given, -space.reach, space.reach)
        errors.append(((space.complete(given, "01").distances[:2] - seen) ** 2).sum())
        lengths.append(np.linalg.norm(space.style(given, "01")[0]))
    assert errors == sorted(errors) and lengths == sorted(lengths)[::-1]
    np.testing.assert_allclose(
        space.complete(given, "01").distances.ravel(), space.mean.ravel(), atol=0.5
    )


def test_the_size_of_the_frame_changes_little():
    glyphs = render_glyphs("ABCDE", list(find_fonts()), size=200)
    known, face = glyphs[glyphs.faces != "STIX Bold"], glyphs[glyphs.faces == "STIX Bold"]
    guesses = []
    for size in (32, 64):
        space = StyleSpace(restyle(align_faces(known, size), 3))
        x = fit_letters(face, space)
        guesses.append(space.complete(x[:3], face.letters[:3]).distances[3:] / size)
    finer = guesses[1].reshape(2, 32, 2, 32, 2).mean((2, 4))
    cut = np.clip(guesses[0], -0.1, 0.1)
    assert abs(cut - np.clip(finer, -0.1, 0.1)).mean() < 0.01


def test_invented_faces_repeat(digits):
    glyphs, _ = digits
    faces = align_faces(glyphs[glyphs.faces == "STIX"])
    one, two, other = (restyle(faces, 2, seed).distances for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, two)
    assert abs(one - other)[1:].max() > 0.1


@pytest.mark.parametrize("shape", [(32, 32), (300, 120), (64, 200)])
def test_images_of_other_sizes(tmp_path, digits, shape):
    glyphs, space = digits
    face = glyphs[glyphs.faces == "STIX Bold"]
    for letter, ink in zip("257", face.ink[[2, 5, 7]], strict=True):
        side = min(shape)
        small = np.asarray(Image.fromarray(ink).resize((side, side), Image.Resampling.LANCZOS))
        sheet = np.zeros(shape, np.uint8)
        sheet[:side, :side] = small
        Image.fromarray(255 - sheet).save(tmp_path / f"{letter}.png")
    given, together = read_letters(tmp_path)
    assert together and given.letters.tolist() == list("257")
    drawn = complete_letters(space, given)
    exact = complete_letters(space, face[np.array([2, 5, 7])])
    assert overlaps(drawn.glyphs.ink / 255, exact.glyphs.ink / 255).min() > 0.75
    Image.fromarray(np.pad(255 - face.ink[3], 40, constant_values=255)).save(tmp_path / "3.png")
    assert not read_letters(tmp_path)[1]
    assert read_letters(tmp_path, "52")[0].letters.tolist() == ["2", "5"]


def test_given_letters_stay_as_they_are(digits):
    glyphs, space = digits
    face = glyphs[glyphs.faces == "STIX"]
    done = complete_letters(space, face[np.array([4, 1])])
    assert done.glyphs.letters.tolist() == list(GLYPH_SETS["digits"])
    assert np.flatnonzero(done.given).tolist() == [1, 4]
    exact = fill_outline(fit_letters(face, space, known=[1, 4], zoom=4))
    shares = overlaps(exact, done.glyphs.ink / 255)
    assert shares[done.given].min() == 1 and shares[~done.given].max() < 1
    assert 0 < done.overlap < 1


def test_a_mistake_is_said():
    blank = np.zeros((2, 3, 48, 48), np.float32)
    space = StyleSpace(
        Faces(blank + [[[[1]]], [[[2]]]], np.array(list("ABC")), np.arange(2), np.ones(3))
    )
    with pytest.raises(ValueError, match="got Z"):
        space.style(blank[0, :1], "Z")
    with pytest.raises(ValueError, match="8 faces"):
        learn_styles("arabic")


def test_the_command_completes_a_bundled_face_and_hides_its_family(tmp_path):
    words = ("--font", find_fonts()["STIX Italic"], "--letters", "2 5 7", "--out", "mine")
    done = run(*words, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "without STIX Italic and its family" in done.stdout and "from 17 faces" in done.stdout
    made = sorted(path.name for path in (tmp_path / "mine" / "letters").iterdir())
    assert made == [f"{d}-{'given' if d in '257' else 'guessed'}.png" for d in GLYPH_SETS["digits"]]
    letter = load_image(tmp_path / "mine" / "letters" / "3-guessed.png")
    assert letter.shape == (192, 192) and 0.02 < (letter < 128).mean() < 0.5
    with Image.open(tmp_path / "mine" / "sheet.png") as sheet:
        assert sheet.width > 500
    before = (tmp_path / "mine" / "sheet.png").read_bytes()
    (tmp_path / "mine" / "notes.txt").write_text("mine")
    assert run(*words, cwd=tmp_path).returncode == 0  # again, over its own files only
    assert (tmp_path / "mine" / "sheet.png").read_bytes() == before
    assert (tmp_path / "mine" / "notes.txt").read_text() == "mine"


def test_the_command_completes_images(tmp_path):
    (tmp_path / "scans").mkdir()
    for letter, ink in zip("147", render_glyphs("147", "Computer Modern", 90).ink, strict=True):
        Image.fromarray(255 - ink).save(tmp_path / "scans" / f"{letter}.jpg", quality=90)
    done = run("--images", "scans", "--set", "digits", "--out", "out", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "21 faces" in done.stdout and len(list((tmp_path / "out" / "letters").iterdir())) == 10


def test_a_scanned_sheet_is_a_folder_of_letters(tmp_path):
    for name, ink in zip(("01_B", "02_A", "3"), render_glyphs("BA3", size=90).ink, strict=True):
        Image.fromarray(255 - ink).save(tmp_path / f"{name}.png")
    (tmp_path / "provenance.json").write_text("[]")
    assert read_letters(tmp_path)[0].letters.tolist() == ["B", "A", "3"]


@pytest.mark.parametrize(
    "words, named",
    [
        ((), "--font"),
        (("--font", "STIX", "--images", "scans"), "--font"),
        (("--font", "absent.ttf"), "absent.ttf"),
        (("--font", "notes.txt", "--letters", "AB"), "notes.txt"),
        (("--font", "STIX"), "nothing to draw"),
        (("--font", "STIX", "--letters", "Aß"), "ß"),
        (("--font", "STIX", "--letters", "AB", "--set", "latin-lower"), "A B"),
        (("--font", "STIX", "--letters", "AB", "--set", "runes"), "runes"),
        (("--font", "Computer Modern", "--set", "greek"), "greek"),
        (("--font", "Computer Modern", "--letters", "αβ"), "greek"),
        (("--font", "DejaVu Sans", "--letters", "ابج"), "8 faces"),
        (("--images", "absent"), "absent"),
        (("--images", "scans"), "first"),
        (("--images", "blank"), "empty sheet"),
        (("--images", "scans", "--letters", "Q"), "Q"),
        (("--font", "STIX", "--letters", "AB", "--out", "notes.txt"), "notes.txt"),
        (("--font", "STIX", "--letters", "AB", "--out", "scans"), "scans"),
        (("--font", "STIX", "--letters", "AB", "--learn-from", "scans"), "scans"),
    ],
)
def test_what_cannot_be_done_gets_one_line(tmp_path, words, named):
    for folder, name in (("scans", "first.png"), ("blank", "A.png")):
        (tmp_path / folder).mkdir()
        Image.new("L", (30, 30), 255).save(tmp_path / folder / name)
    (tmp_path / "notes.txt").write_text("Dear sir")
    before = sorted(tmp_path.rglob("*"))
    done = run(*words, cwd=tmp_path)
    lines = [line for line in done.stderr.splitlines() if line]
    assert done.returncode == 2 and len(lines) == 1, done.stderr
    assert lines[0].startswith("glyphnb: error: ") and named in lines[0]
    assert sorted(tmp_path.rglob("*")) == before


def test_more_fonts_make_more_sets_possible(tmp_path):
    (tmp_path / "more").mkdir()
    arabic = list(find_fonts(GLYPH_SETS["arabic"]).values())
    for i in range(4):
        shutil.copy(arabic[i], tmp_path / "more" / f"other{i}.ttf")
    shutil.copy(find_fonts()["STIX"], tmp_path / "more")  # has no Arabic: it is left aside
    shutil.copy(arabic[0], tmp_path / "mine.ttf")
    words = ("--font", "mine.ttf", "--letters", "ابج", "--learn-from", "more", "--out", "out")
    done = run(*words, cwd=tmp_path)
    assert done.returncode == 0 and "from 8 faces" in done.stdout, done.stderr
    assert len(list((tmp_path / "out" / "letters").iterdir())) == 21


def test_help_shows_an_example_and_loads_nothing_heavy(tmp_path):
    text = run("--help", cwd=tmp_path).stdout
    for word in ("examples:", "--font", "--images", "--letters", "--set", "--out", "--learn-from"):
        assert word in text
    heavy = "{'keras', 'tensorflow', 'scipy'}"
    code = f"import sys, glyphnb.fonts; print(sorted({heavy} & set(sys.modules)))"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"
