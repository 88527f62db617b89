"""Someone who read the article types its cells: they run, and give the corrected answer."""

import keras
import numpy as np
import pytest
from PIL import Image
from sklearn.model_selection import train_test_split

from glyphnb.augment import create_augmentor_pipeline
from glyphnb.autoencoder import Autoencoder, build_decoder, build_encoder, visualize
from glyphnb.glyphs import (
    change_image_background,
    load_data,
    load_image,
    render_glyphs,
    save_glyphs,
)
from glyphnb.latent import sample_glyphs, viz_decoded
from glyphnb.morph import (
    animate_morph_images,
    animate_morph_images_from_morph,
    generate_morph_images,
)
from glyphnb.vae import VAE


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    "The article's data cells, on 21 letters and 300 copies."
    place = tmp_path_factory.mktemp("data")
    save_glyphs(render_glyphs("arabic", size=200), place / "letters")
    change_image_background(place / "letters", place / "converted")
    p = create_augmentor_pipeline(place / "converted")
    p.sample(300)
    data = load_data(place / "converted" / "output")
    train_data, test_data, _, _ = train_test_split(data, data, test_size=0.2, random_state=0)
    train_data = np.array(train_data)
    test_data = np.array(test_data)
    assert train_data.shape == (240, 64, 64)
    Image.fromarray(train_data[119])
    train = np.expand_dims(train_data.astype("float32") / 255.0, axis=-1)
    test = np.expand_dims(test_data.astype("float32") / 255.0, axis=-1)
    return place, train, test


def test_the_augmented_copies_know_their_original(data):
    place, *_ = data
    letters = load_data(place / "converted" / "output").letters
    assert set(letters) == {f"original_{i}" for i in range(21)}


def test_the_networks_have_the_exact_sizes():
    encoder, decoder = build_encoder(arch="article"), build_decoder(arch="article")
    assert (encoder.count_params(), decoder.count_params()) == (2_116_096, 2_169_217)
    autoencoder = Autoencoder(arch="article")
    assert autoencoder.count_params() == 4_285_313
    vae = VAE(arch="article")
    assert (vae.encoder.count_params(), vae.decoder.count_params()) == (281_492, 125_249)
    assert vae.count_params() == 406_741

    def trainable(model):
        return sum(int(np.prod(w.shape)) for w in model.trainable_weights)

    sizes = trainable(vae.encoder), trainable(vae.decoder), trainable(vae)
    assert sizes == (281_268, 92_433, 373_701)


def test_the_autoencoder_is_compiled_and_trained_as_printed(data, tmp_path):
    _, train, test = data
    autoencoder = Autoencoder(arch="article")
    autoencoder.compile(optimizer="adam", loss="binary_crossentropy")
    h = autoencoder.fit(
        train,
        train,
        epochs=1,
        batch_size=128,
        shuffle=True,
        validation_data=(test, test),
        callbacks=[keras.callbacks.TensorBoard(log_dir=str(tmp_path / "autoencoder"))],
        verbose=0,
    )
    assert h.history["val_loss"][0] < 0.8  # a mean over pixels, as the article has it
    assert list((tmp_path / "autoencoder").rglob("events*"))
    decoded_imgs = autoencoder.predict(test)
    assert decoded_imgs.shape == test.shape and 0 <= decoded_imgs.min() <= decoded_imgs.max() <= 1
    by_keras = keras.losses.binary_crossentropy(test, decoded_imgs)
    assert np.isclose(np.mean(by_keras), autoencoder.evaluate(test, test, verbose=0), rtol=1e-3)
    visualize(autoencoder, test, 10)


@pytest.fixture(scope="module")
def vae(data):
    _, train, test = data
    vae = VAE(arch="article", seed=0)
    vae.compile(optimizer="adam")
    vae.fit(train, train, epochs=1, batch_size=128, validation_data=(test, test), verbose=0)
    return vae


def test_the_sheet_and_a_random_character(vae, data):
    _, _, test = data
    viz_decoded(vae.encoder, vae.decoder, (test, test))
    viz_decoded(vae.encoder, vae.decoder)
    assert sample_glyphs(vae.decoder, n=1).shape == (1, 64, 64, 1)


def test_the_morph_by_networks_and_by_methods_is_the_same(vae, data, tmp_path):
    place, *_ = data
    files = sorted((place / "converted" / "output").iterdir())
    img1, img2 = load_image(files[0]), load_image(files[-1])
    n_steps = 12
    by_network = generate_morph_images(img1, img2, vae.encoder, vae.decoder, n_steps)
    by_method = generate_morph_images(img1, img2, vae.encode, vae.decode, n_steps)
    assert len(by_network) == n_steps and np.allclose(by_network, by_method, atol=1e-5)
    clip = animate_morph_images(img1, img2, vae.encoder, vae.decoder, n_steps)
    clip.write_gif(tmp_path / "7to10.gif", fps=10, logger=None)
    with Image.open(tmp_path / "7to10.gif") as film:
        assert film.size == (64, 64)
    again = animate_morph_images_from_morph(by_network, n_steps)
    assert again.duration == clip.duration
