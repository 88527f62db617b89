"""Networks and inputs for tests of what leaves Python."""

import numpy as np


def images(n, shape, seed=0):
    return np.random.default_rng(seed).uniform(size=(n, *shape)).astype("float32")


def codes(n, d):
    return np.random.default_rng(1).normal(size=(n, d)).astype("float32")


def shaken(network):
    "Every weight away from its first value, which may be 0 or 1."
    rng = np.random.default_rng(2)
    for weight in network.weights:
        value = np.asarray(weight)
        weight.assign(abs(value) + rng.uniform(0.01, 0.1, value.shape) * np.sign(value + 0.5))
    return network


def with_opinions(model):
    "Strong opinions, and moving means that are not 0."
    for weight in model.weights:
        if weight.dtype == "float32":
            rng = np.random.default_rng(3)
            noise = rng.uniform(0.02, 0.1, weight.shape) * rng.choice([-1, 1, 1], weight.shape)
            weight.assign(np.asarray(weight) * 1.2 + noise / (len(weight.shape) ** 2))
    return model


def of_many_layers():
    "A network with most kinds of layers: two outputs, and parts that are networks."
    import keras
    from keras import layers

    x = given = keras.Input((12, 10, 2))
    x = layers.Rescaling(2.0, -0.5)(x)
    x = layers.Conv2D(6, (3, 2), padding="valid", activation="silu")(x)
    x = layers.BatchNormalization()(x)
    left = layers.MaxPooling2D(2, padding="same")(x)
    right = layers.AveragePooling2D((2, 3), strides=2, padding="same")(x)
    x = layers.Concatenate()([left, right, layers.Add()([left, right])])
    x = layers.Conv2DTranspose(4, 4, strides=(2, 3), padding="valid", use_bias=False)(x)
    x = layers.LeakyReLU(0.3)(layers.LayerNormalization()(x))
    x = layers.UpSampling2D((2, 1))(layers.Multiply()([x, x]))
    x = layers.Permute((2, 3, 1))(layers.Subtract()([x, layers.ReLU()(x)]))
    x = layers.Dropout(0.3)(layers.Dense(7, activation="softmax")(x))
    block = keras.Sequential([keras.Input((7,)), layers.Dense(5, activation="elu")])
    inner = keras.Input((7,))
    twice = layers.Dense(7, activation="tanh")
    nested = keras.Model(inner, twice(twice(inner)))
    pooled = layers.GlobalAveragePooling2D()(layers.Reshape((-1, 4, 7))(x))
    out = [block(nested(pooled)), layers.Activation("softplus")(layers.Flatten()(x))]
    return shaken(keras.Model(given, out))
