"""Chapters as a person runs them: JupyterLab in a browser, *Run All Cells*, and a look at the page.

`make test-lab` runs all chapters from theory to a film, and the one on training; `make test` two.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

ROOT = Path(__file__).parents[1]
BIN = Path(sys.executable).parent
WITH_WIDGETS = ["4_latent/40_plane.ipynb", "4_latent/42_morph.ipynb"]
QUIET = """
0_start/01_theory.ipynb 1_letters/10_glyphs.ipynb 1_letters/14_augment.ipynb
2_autoencoders/21_autoencoder.ipynb 2_autoencoders/23_denoise.ipynb 3_vae/30_elbo.ipynb
3_vae/31_vae.ipynb
""".split()
in_full = pytest.mark.skipif("ALL_IN_LAB" not in os.environ, reason="make test-lab runs it")
STDERR = '.jp-OutputArea [data-mime-type="application/vnd.jupyter.stderr"]'
ERROR = '.jp-OutputArea [data-mime-type="application/vnd.jupyter.error"]'

PICTURES = """() => [...document.querySelectorAll(".jp-OutputArea .widget-image")].map(i => i.src)
  .concat([...document.querySelectorAll(".jp-OutputArea .letter canvas")].map(c => c.toDataURL()))
  .join()"""


@pytest.fixture(scope="session")
def lab(tmp_path_factory):
    "JupyterLab on an empty folder: its address, and the folder."
    home = tmp_path_factory.mktemp("lab")
    (home / "work").mkdir()
    settings = home / "config" / "labconfig"
    settings.mkdir(parents=True)
    news = {"@jupyterlab/apputils-extension:announcements": True}  # which asks the network
    (settings / "page_config.json").write_text(json.dumps({"disabledExtensions": news}))
    all_cells = {"@jupyterlab/notebook-extension:tracker": {"windowingMode": "none"}}
    (settings / "default_setting_overrides.json").write_text(json.dumps(all_cells))
    environment = os.environ | {"JUPYTER_CONFIG_DIR": str(home / "config")}
    environment |= {"JUPYTER_RUNTIME_DIR": str(home / "run")}
    # Progress is shown, and must not be red; and kernels that see Pytest hide what C++ prints.
    environment = {
        name: value
        for name, value in environment.items()
        if name not in ("TQDM_DISABLE", "PYTEST_CURRENT_TEST", "PYTEST_XDIST_WORKER")
    }
    environment["PATH"] = f"{BIN}{os.pathsep}{environment['PATH']}"  # where TensorBoard is
    options = "--no-browser --allow-root --port=0 --IdentityProvider.token="
    options += " --LabApp.expose_app_in_browser=True"
    with open(home / "log", "w") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "jupyterlab", *options.split()],
            cwd=home / "work",
            stdout=log,
            stderr=log,
            env=environment,
        )
    try:
        for _ in range(300):
            found = re.search(r"http://[\w.]+:(\d+)/lab", (home / "log").read_text())
            if found or server.poll() is not None:
                break
            time.sleep(0.2)
        assert found, (home / "log").read_text()[-2000:]
        yield SimpleNamespace(address=f"http://127.0.0.1:{found[1]}", folder=home / "work")
    finally:
        server.terminate()
        server.wait(30)


@pytest.fixture
def run_all(new_page, lab):
    "Open a copy of a chapter, run all its cells, and give the page."
    app = "window.jupyterapp"

    def run_all(name):
        copy = shutil.copy(ROOT / "nbs" / name, lab.folder)
        page = new_page(viewport={"width": 1200, "height": 900})
        page.set_default_timeout(300_000)
        page.goto(f"{lab.address}/lab/tree/{Path(copy).name}?reset")
        page.locator(".jp-Notebook .jp-Cell").first.wait_for()
        ready = f"{app}.shell.currentWidget?.sessionContext?.session?.kernel?.status === 'idle'"
        page.wait_for_function(ready)
        page.evaluate(f"{app}.commands.execute('notebook:run-all-cells')")
        folded = page.locator(".jp-InputArea-editor:visible", has_text="#| hide")
        assert folded.all_inner_texts() == []
        assert page.locator(ERROR).all_inner_texts() == []
        assert page.locator(STDERR).all_inner_texts() == []
        return page

    return run_all


@pytest.mark.parametrize("name", WITH_WIDGETS, ids=lambda name: Path(name).stem)
def test_a_widget_answers_with_pictures(run_all, name):
    page = run_all(name)
    handle = page.locator(".jp-OutputArea :is(.plane, .noUi-handle)").last  # of a pad, of a slider
    handle.scroll_into_view_if_needed()
    page.wait_for_function(f"({PICTURES})().length > 20")
    seen = {page.evaluate(PICTURES)}
    for step in (40, -90, 130):
        box = handle.bounding_box()
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        page.mouse.move(x, y)
        page.mouse.down()
        page.mouse.move(x + step, y, steps=4)
        page.mouse.up()
        page.wait_for_timeout(500)
        seen.add(page.evaluate(PICTURES))
    assert len(seen) == 4
    cells = page.locator(".jp-Notebook .jp-Cell").count()
    for key in ("a", "b", "ArrowUp"):  # these are for the widget, not for the notebook
        page.keyboard.press(key)
    page.wait_for_timeout(300)
    assert page.locator(".jp-Notebook .jp-Cell").count() == cells


@in_full
@pytest.mark.parametrize("name", QUIET, ids=lambda name: Path(name).stem)
def test_a_chapter_runs_without_red_lines(run_all, name):
    page = run_all(name)
    assert page.locator(".jp-OutputArea img").count()


@in_full
def test_tensorboard_has_curves(run_all):
    page = run_all("2_autoencoders/22_training.ipynb")
    frame = page.locator(".jp-OutputArea iframe")
    frame.scroll_into_view_if_needed()
    board = frame.content_frame
    board.get_by_text("epoch_loss").first.wait_for()
    curve = board.locator("line-chart path, line-chart canvas").first
    curve.wait_for(state="attached")
    assert "No dashboards are active" not in board.locator("body").inner_text()
