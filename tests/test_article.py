"""Someone who read the article types its cells: they run, and give the corrected answer."""

import keras
import numpy as np
import pytest
from PIL import Image
from sklearn.model_selection import train_test_split

from glyphnb import (
    VAE,
    Autoencoder,
    animate_morph_images,
    animate_morph_images_from_morph,
    build_decoder,
    build_encoder,
    change_image_background,
    create_augmentor_pipeline,
    generate_morph_images,
    load_data,
    load_image,
    render_glyphs,
    sample_glyphs,
    save_glyphs,
    vae_loss,
    visualize,
    viz_decoded,
)
from glyphnb.letters.glyphs import GlyphnbError
from glyphnb.vae.elbo import sample_z


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


def test_the_augmented_copies_know_their_original(data, letters):
    place, *_ = data
    assert set(load_data(place / "converted" / "output").letters) == set(letters.letters)


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


def test_the_reparameterization_takes_a_pair():
    mu, sigma = np.full((4000, 2), 3.0, "float32"), np.full((4000, 2), 2 * np.log(0.5), "float32")
    z = keras.ops.convert_to_numpy(sample_z([mu, sigma]))
    np.testing.assert_allclose([z.mean(), z.std()], [3, 0.5], atol=0.03)
    lam = keras.layers.Lambda(sample_z, output_shape=(2,), name="z")([mu, sigma])
    assert lam.shape == (4000, 2)


@pytest.fixture(scope="module")
def vae(data):
    "The loss is given as the article gives it; the VAE sees the moments that the loss needs."
    _, train, test = data
    vae = VAE(arch="article")
    vae.compile(optimizer="adam", loss=vae_loss)
    vae.fit(train, train, epochs=1, batch_size=128, validation_data=(test, test), verbose=0)
    return vae


def test_the_loss_of_images_alone_is_refused_in_one_line(data):
    "The article's function found the moments of q in the rest of the notebook."
    _, train, _ = data
    with pytest.raises(GlyphnbError, match="z_mean, z_log_var"):
        vae_loss(train[:2], train[:2])


def test_the_encoder_answers_with_mean_log_variance_and_code(vae, data):
    _, _, test = data
    mu, sigma, z = vae.encoder.predict(test, verbose=0)
    assert mu.shape == sigma.shape == z.shape == (60, 2)
    assert vae.encoder.predict(test, verbose=0)[2].shape == (60, 2)
    np.testing.assert_allclose(vae.encode(test), mu, atol=1e-5)


def test_the_decoder_answers_with_images(vae):
    x_decoded = vae.decoder.predict(np.array([[-8.0, 2.7]]), verbose=0)
    digit = x_decoded[0].reshape(64, 64, 1)
    assert 0 <= digit.min() and digit.max() <= 1


def test_the_sheet_and_a_random_character(vae, data):
    _, _, test = data
    viz_decoded(vae.encoder, vae.decoder, (test, test))
    viz_decoded(vae.encoder, vae.decoder)
    assert sample_glyphs(vae.decoder, n=1).shape == (1, 64, 64, 1)


def test_the_morph_by_networks_and_by_methods_is_the_same(vae, data, tmp_path):
    place, *_ = data
    files = sorted((place / "converted" / "output").glob("*.png"))
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
    levels = [np.multiply(image, 255) for image in by_network]  # as the article hands them on
    for one, other in zip(again.iter_frames(), film_of(levels, n_steps), strict=True):
        np.testing.assert_array_equal(one, other)


def film_of(images, n_steps):
    return animate_morph_images_from_morph(images, n_steps).iter_frames()
