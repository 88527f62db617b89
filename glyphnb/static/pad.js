// The pad: a point on a plane of codes, and the letter that a decoder makes of it.
// One ES module for pages (elements with `data-glyphnb-pad`) and for the widget `LatentPad`.
// Networks run here, in plain JavaScript; a widget may ask Python instead.

// ---------------------------------------------------------------- arrays

function fromHalf(bits) {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

const HALF = new Float32Array(65536).map((_, bits) => fromHalf(bits));

/** Typed arrays from one block of bytes and the table that says where each one lies. */
export function unpack(bytes, table) {
  return table.map(({ dtype, shape, start }) => {
    const n = shape.reduce((a, b) => a * b, 1);
    const size = { f4: 4, f2: 2, u1: 1 }[dtype];
    const part = bytes.slice(start, start + n * size).buffer; // a copy begins where its type may
    if (dtype === "u1") return new Uint8Array(part);
    if (dtype === "f4") return new Float32Array(part);
    return Float32Array.from(new Uint16Array(part), (bits) => HALF[bits]);
  });
}

/** Bytes that Python compressed by zlib. */
export async function inflate(bytes) {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

const fromBase64 = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));

// ---------------------------------------------------------------- networks

// Abramowitz & Stegun, "Handbook of Mathematical Functions" (1964), 7.1.26: to seven digits.
function erf(x) {
  const t = 1 / (1 + 0.3275911 * Math.abs(x));
  const poly = -0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429));
  return Math.sign(x) * (1 - t * (0.254829592 + t * poly) * Math.exp(-x * x));
}

const SELU = 1.0507009873554805;
const elu = (x) => (x > 0 ? x : Math.expm1(x));
const sigmoid = (x) => 1 / (1 + Math.exp(-x));
const ACTIVATIONS = {
  relu: (x) => (x > 0 ? x : 0),
  relu6: (x) => Math.min(Math.max(x, 0), 6),
  leaky_relu: (x, slope) => (x > 0 ? x : slope * x),
  gelu: (x) => 0.5 * x * (1 + erf(x * Math.SQRT1_2)),
  sigmoid,
  tanh: Math.tanh,
  silu: (x) => x * sigmoid(x),
  softplus: (x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x))),
  softsign: (x) => x / (1 + Math.abs(x)),
  elu,
  selu: (x) => SELU * (x > 0 ? x : 1.6732632423543772 * Math.expm1(x)),
  exponential: Math.exp,
};

function activate(x, name, slope) {
  if (!name || name === "linear") return x;
  if (name === "relu") {
    for (let i = 0; i < x.length; i++) if (x[i] < 0) x[i] = 0;
    return x;
  }
  const f = ACTIVATIONS[name];
  for (let i = 0; i < x.length; i++) x[i] = f(x[i], slope);
  return x;
}

/** Add x * row to sums; rows of kernels are read in the order in which they lie. */
function addRow(sums, at, x, kernel, row, n) {
  for (let j = 0; j < n; j++) sums[at + j] += x * kernel[row + j];
}

function withBias(n, bias) {
  const sums = new Float64Array(n);
  if (bias) for (let i = 0; i < n; i += bias.length) sums.set(bias, i);
  return sums;
}

/** The kernel by outputs, so that the weights of each one lie in a row. */
function byOutput(kernel, units) {
  const n = kernel.length / units;
  const turned = new Float32Array(kernel.length);
  for (let i = 0; i < n; i++) for (let j = 0; j < units; j++) turned[j * n + i] = kernel[i * units + j];
  return turned;
}

/** Rows of inputs times rows of weights: two by four at a time, which share what is read. */
function multiply(x, rows, n, turned, units, y, to) {
  for (let r = 0; r < rows; r += 2) {
    const second = r + 1 < rows ? n : 0; // a single last row is taken twice
    const x0 = r * n;
    const y0 = to + r * units;
    for (let j = 0; j < units; j += 4) {
      const w0 = j * n;
      const w1 = Math.min(j + 1, units - 1) * n;
      const w2 = Math.min(j + 2, units - 1) * n;
      const w3 = Math.min(j + 3, units - 1) * n;
      let a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0;
      for (let i = 0; i < n; i++) {
        const p = x[x0 + i];
        const q = x[x0 + second + i];
        const u = turned[w0 + i];
        const v = turned[w1 + i];
        const w = turned[w2 + i];
        const z = turned[w3 + i];
        a += p * u;
        b += p * v;
        c += p * w;
        d += p * z;
        e += q * u;
        f += q * v;
        g += q * w;
        h += q * z;
      }
      const left = units - j;
      y[y0 + j] += a;
      if (left > 1) y[y0 + j + 1] += b;
      if (left > 2) y[y0 + j + 2] += c;
      if (left > 3) y[y0 + j + 3] += d;
      if (!second) continue;
      y[y0 + units + j] += e;
      if (left > 1) y[y0 + units + j + 1] += f;
      if (left > 2) y[y0 + units + j + 2] += g;
      if (left > 3) y[y0 + units + j + 3] += h;
    }
  }
}

function dense(x, { units, turned, bias }) {
  const n = turned.length / units;
  const rows = x.length / n;
  const y = withBias(rows * units, bias);
  multiply(x, rows, n, turned, units, y, 0);
  return y;
}

/** How far the first window begins before the image, with TensorFlow's padding "same". */
function padBefore(length, size, stride, padding) {
  if (padding === "valid") return 0;
  return Math.floor(Math.max((Math.ceil(length / stride) - 1) * stride + size - length, 0) / 2);
}

function conv2d(x, op) {
  const { turned, bias, size, strides, padding, filters, shape, out } = op;
  const [height, width, channels] = shape;
  const [top, left] = [0, 1].map((a) => padBefore(shape[a], size[a], strides[a], padding));
  const y = withBias(out[0] * out[1] * filters, bias);
  const n = size[0] * size[1] * channels;
  const patches = new Float64Array(out[1] * n); // of one row of the output
  for (let i = 0; i < out[0]; i++) {
    patches.fill(0);
    for (let j = 0; j < out[1]; j++) {
      for (let a = 0; a < size[0]; a++) {
        const row = i * strides[0] + a - top;
        if (row < 0 || row >= height) continue;
        for (let b = 0; b < size[1]; b++) {
          const column = j * strides[1] + b - left;
          if (column < 0 || column >= width) continue;
          const [from, to] = [(row * width + column) * channels, j * n + (a * size[1] + b) * channels];
          for (let c = 0; c < channels; c++) patches[to + c] = x[from + c];
        }
      }
    }
    multiply(patches, out[1], n, turned, filters, y, i * out[1] * filters);
  }
  return y;
}

function conv2dTranspose(x, op) {
  const { kernel, bias, size, strides, padding, filters, shape, out } = op; // kernel: a, b, channel, filter
  const [height, width, channels] = shape;
  const [top, left] = [0, 1].map((a) => padBefore(out[a], size[a], strides[a], padding));
  const y = withBias(out[0] * out[1] * filters, bias);
  for (let i = 0; i < height; i++) {
    for (let j = 0; j < width; j++) {
      const from = (i * width + j) * channels;
      for (let a = 0; a < size[0]; a++) {
        const row = i * strides[0] + a - top;
        if (row < 0 || row >= out[0]) continue;
        for (let b = 0; b < size[1]; b++) {
          const column = j * strides[1] + b - left;
          if (column < 0 || column >= out[1]) continue;
          const to = (row * out[1] + column) * filters;
          const tap = (a * size[1] + b) * channels;
          for (let c = 0; c < channels; c++) {
            const value = x[from + c];
            if (value !== 0) addRow(y, to, value, kernel, (tap + c) * filters, filters);
          }
        }
      }
    }
  }
  return y;
}

function pool2d(x, { kind, size, strides, padding, shape, out }) {
  const [height, width, channels] = shape;
  const [top, left] = [0, 1].map((a) => padBefore(shape[a], size[a], strides[a], padding));
  const y = new Float64Array(out[0] * out[1] * channels);
  for (let k = 0; k < y.length; k++) {
    const c = k % channels;
    const j = Math.floor(k / channels) % out[1];
    const i = Math.floor(k / channels / out[1]);
    let [sum, most, n] = [0, -Infinity, 0];
    for (let a = 0; a < size[0]; a++) {
      for (let b = 0; b < size[1]; b++) {
        const [row, column] = [i * strides[0] + a - top, j * strides[1] + b - left];
        if (row < 0 || row >= height || column < 0 || column >= width) continue;
        const value = x[(row * width + column) * channels + c];
        sum += value;
        most = Math.max(most, value);
        n++;
      }
    }
    y[k] = kind === "max" ? most : sum / n;
  }
  return y;
}

function permute(x, { shape, dims }) {
  const steps = shape.map((_, axis) => shape.slice(axis + 1).reduce((a, b) => a * b, 1));
  const out = dims.map((axis) => shape[axis]);
  const y = new Float64Array(x.length);
  const at = out.map(() => 0);
  for (let k = 0; k < y.length; k++) {
    let from = 0;
    for (let a = 0; a < at.length; a++) from += at[a] * steps[dims[a]];
    y[k] = x[from];
    for (let a = at.length - 1; a >= 0 && ++at[a] === out[a]; a--) at[a] = 0;
  }
  return y;
}

function normalize(x, { scale, shift, epsilon }) {
  const n = scale.length;
  const y = new Float64Array(x.length);
  for (let r = 0; r < x.length; r += n) {
    let [mean, variance] = [0, 0];
    for (let i = 0; i < n; i++) mean += x[r + i] / n;
    for (let i = 0; i < n; i++) variance += (x[r + i] - mean) ** 2 / n;
    const factor = 1 / Math.sqrt(variance + epsilon);
    for (let i = 0; i < n; i++) y[r + i] = (x[r + i] - mean) * factor * scale[i] + shift[i];
  }
  return y;
}

function softmax(x, { shape }) {
  const n = shape[shape.length - 1];
  const y = Float64Array.from(x);
  for (let r = 0; r < y.length; r += n) {
    const row = y.subarray(r, r + n);
    const most = row.reduce((a, b) => Math.max(a, b));
    const sum = row.reduce((total, value) => total + Math.exp(value - most), 0);
    for (let i = 0; i < n; i++) row[i] = Math.exp(row[i] - most) / sum;
  }
  return y;
}

function upsample(x, { size, shape, out }) {
  const channels = shape[2];
  const y = new Float64Array(out[0] * out[1] * channels);
  for (let i = 0; i < out[0]; i++) {
    for (let j = 0; j < out[1]; j++) {
      const from = (Math.floor(i / size[0]) * shape[1] + Math.floor(j / size[1])) * channels;
      y.set(x.subarray(from, from + channels), (i * out[1] + j) * channels);
    }
  }
  return y;
}

function concatenate(parts, { widths }) {
  const total = widths.reduce((a, b) => a + b);
  const y = new Float64Array((parts[0].length / widths[0]) * total);
  let at = 0;
  parts.forEach((part, p) => {
    const n = widths[p];
    for (let r = 0; r * n < part.length; r++) y.set(part.subarray(r * n, r * n + n), r * total + at);
    at += n;
  });
  return y;
}

const merge = (f) => (parts) =>
  parts.slice(1).reduce((sums, part) => sums.map((value, i) => f(value, part[i])), parts[0]);

const LAYERS = {
  same: ([x]) => x,
  dense: ([x], op) => dense(x, op),
  conv2d: ([x], op) => conv2d(x, op),
  conv2d_transpose: ([x], op) => conv2dTranspose(x, op),
  pool2d: ([x], op) => pool2d(x, op),
  upsample: ([x], op) => upsample(x, op),
  permute: ([x], op) => permute(x, op),
  normalize: ([x], op) => normalize(x, op),
  softmax: ([x], op) => softmax(x, op),
  affine: ([x], { scale, shift }) => x.map((v, i) => v * scale[i % scale.length] + shift[i % shift.length]),
  clip: ([x], { low, high }) => x.map((v) => Math.min(Math.max(v, low), high)),
  add: merge((a, b) => a + b),
  subtract: merge((a, b) => a - b),
  multiply: merge((a, b) => a * b),
  maximum: merge(Math.max),
  concatenate,
};

/** A function from one input to the list of a network's outputs, `Float64Array`s. */
export function network({ layers, outputs }, arrays) {
  const ops = layers.map((layer) => {
    const op = { ...layer };
    for (const part of ["kernel", "bias", "scale", "shift"]) {
      if (op[part] !== undefined) op[part] = arrays[op[part]];
    }
    if (op.op === "dense" || op.op === "conv2d") op.turned = byOutput(op.kernel, op.units ?? op.filters);
    return op;
  });
  return (input) => {
    const values = [Float64Array.from(input)]; // one type of array everywhere is faster
    for (const op of ops) {
      const y = LAYERS[op.op](op.from.map((k) => values[k]), op);
      const fresh = op.op !== "same" ? y : op.activation ? Float64Array.from(y) : y;
      values.push(activate(fresh, op.activation, op.slope));
    }
    return outputs.map((k) => values[k]);
  };
}

// ---------------------------------------------------------------- codes

/** The density of the codes on the map, and the mean of all their numbers, given a place there. */
export class Density {
  constructor({ weights, means, places, planes, gains }, latentDim) {
    Object.assign(this, { weights, means, places, gains, d: latentDim });
    this.parts = Array.from(weights, (weight, k) => {
      const [a, b, , c] = planes.subarray(4 * k, 4 * k + 4);
      const det = a * c - b * b;
      return [c / det, -b / det, a / det, weight / (2 * Math.PI * Math.sqrt(det))];
    });
    this.shares = new Float64Array(weights.length);
  }

  at(x, y) {
    let total = 0;
    for (let k = 0; k < this.parts.length; k++) {
      const [p, q, r, height] = this.parts[k];
      const [u, v] = [x - this.places[2 * k], y - this.places[2 * k + 1]];
      total += this.shares[k] = height * Math.exp(-0.5 * (p * u * u + 2 * q * u * v + r * v * v));
    }
    return total;
  }

  codeAt(x, y) {
    const total = this.at(x, y);
    const code = new Float64Array(this.d);
    const far = !(total > 1e-30); // beyond all of them: the nearest one
    let nearest = 0;
    if (far) {
      const away = (k) => (x - this.places[2 * k]) ** 2 + (y - this.places[2 * k + 1]) ** 2;
      this.parts.forEach((_, k) => (nearest = away(k) < away(nearest) ? k : nearest));
    }
    for (let k = 0; k < this.parts.length; k++) {
      const share = far ? Number(k === nearest) : this.shares[k] / total;
      if (share < 1e-9) continue;
      const [u, v] = [x - this.places[2 * k], y - this.places[2 * k + 1]];
      for (let i = 0; i < this.d; i++) {
        const at = k * this.d + i;
        code[i] += share * (this.means[at] + this.gains[2 * at] * u + this.gains[2 * at + 1] * v);
      }
    }
    return code;
  }
}

/** The letters whose training codes are nearest: `[[label, distance], …]`, one entry a letter. */
export function nearestLetters(code, dots, labels, count) {
  const d = code.length;
  const best = new Map();
  for (let k = 0; k < labels.length; k++) {
    let sum = 0;
    for (let i = 0; i < d; i++) sum += (code[i] - dots[k * d + i]) ** 2;
    const known = best.get(labels[k]);
    if (known === undefined || sum < known) best.set(labels[k], sum);
  }
  const sorted = [...best].sort((a, b) => a[1] - b[1]).slice(0, count);
  return sorted.map(([label, sum]) => [label, Math.sqrt(sum)]);
}

/** Places from 0 to 1 along a morph at which its images change by equal amounts. */
export function evenPlaces(images, count) {
  const way = [0];
  for (let k = 1; k < images.length; k++) {
    let sum = 0;
    for (let i = 0; i < images[k].length; i++) sum += (images[k][i] - images[k - 1][i]) ** 2;
    way.push(way[k - 1] + Math.sqrt(sum));
  }
  const total = way[way.length - 1];
  let k = 0;
  return Array.from({ length: count }, (_, i) => {
    const share = i / (count - 1);
    if (!(total > 0)) return share;
    while (k < way.length - 2 && way[k + 1] < share * total) k++;
    const step = way[k + 1] - way[k];
    return (k + (step ? (share * total - way[k]) / step : 0)) / (way.length - 1);
  });
}

// ---------------------------------------------------------------- GIF

/** The bytes of an animated GIF. `frames`: indices into `palette`, a list of [r, g, b], at most 256. */
export function gif(frames, width, height, palette, delays) {
  const out = [];
  const word = (n) => out.push(n & 255, n >> 8);
  const text = (s) => out.push(...Array.from(s, (c) => c.charCodeAt(0)));
  const bits = Math.max(Math.ceil(Math.log2(palette.length)), 2);
  text("GIF89a");
  word(width);
  word(height);
  out.push(0xf0 | (bits - 1), 0, 0);
  for (let i = 0; i < 1 << bits; i++) out.push(...(palette[i] ?? [0, 0, 0]));
  out.push(0x21, 0xff, 11);
  text("NETSCAPE2.0");
  out.push(3, 1, 0, 0, 0); // for ever
  frames.forEach((frame, k) => {
    out.push(0x21, 0xf9, 4, 0);
    word(delays[k]);
    out.push(0, 0, 0x2c, 0, 0, 0, 0);
    word(width);
    word(height);
    out.push(0, bits);
    const packed = lzw(frame, bits);
    for (let i = 0; i < packed.length; i += 255) {
      const block = packed.slice(i, i + 255);
      out.push(block.length, ...block);
    }
    out.push(0);
  });
  out.push(0x3b);
  return Uint8Array.from(out);
}

function lzw(pixels, bits) {
  const [clear, end] = [1 << bits, (1 << bits) + 1];
  const bytes = [];
  let [buffer, filled, size, next] = [0, 0, bits + 1, end + 1];
  let table = new Map();
  const put = (code) => {
    buffer |= code << filled;
    for (filled += size; filled >= 8; filled -= 8, buffer >>>= 8) bytes.push(buffer & 255);
  };
  put(clear);
  let prefix = pixels[0];
  for (let i = 1; i < pixels.length; i++) {
    const key = (prefix << 8) | pixels[i];
    const known = table.get(key);
    if (known !== undefined) {
      prefix = known;
      continue;
    }
    put(prefix);
    if (next < 4096) {
      if (next === 1 << size) size++;
      table.set(key, next++);
    } else {
      put(clear);
      table = new Map();
      [size, next] = [bits + 1, end + 1];
    }
    prefix = pixels[i];
  }
  put(prefix);
  put(end);
  if (filled) bytes.push(buffer & 255);
  return bytes;
}

// ---------------------------------------------------------------- pictures

/** Pixels of a screen from ink in [0, 1] of one channel or three, dark on light or light on dark. */
export function toScreen(ink, channels, dark, paper) {
  const n = ink.length / channels;
  const pixels = new Uint8ClampedArray(4 * n).fill(255);
  for (let i = 0; i < n; i++) {
    for (let c = 0; c < 3; c++) {
      let value = ink[i * channels + (channels === 3 ? c : 0)];
      if (dark && channels === 3) {
        const [r, g, b] = ink.subarray(3 * i, 3 * i + 3);
        value = Math.min(r, g, b) + Math.max(r, g, b) - value; // the lightness inverted, the hue kept
      }
      pixels[4 * i + c] = dark ? paper[c] + value * (255 - paper[c]) : paper[c] * (1 - value);
    }
  }
  return pixels;
}

function makeCanvas(width, height) {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [width, height];
  return canvas;
}

/** The smallest box that holds all ink of a canvas: left, top, width, height; or nothing. */
function inkBox(canvas) {
  const { width, height } = canvas;
  const { data } = canvas.getContext("2d").getImageData(0, 0, width, height);
  let [left, top, right, bottom] = [width, height, -1, -1];
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if (data[4 * (y * width + x) + 3] < 32) continue;
      [left, right] = [Math.min(left, x), Math.max(right, x)];
      [top, bottom] = [Math.min(top, y), Math.max(bottom, y)];
    }
  }
  return right < 0 ? null : [left, top, right - left + 1, bottom - top + 1];
}

const ink01 = (canvas) => {
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  return Float32Array.from({ length: data.length / 4 }, (_, i) => data[4 * i + 3] / 255);
};

function save(bytes, name, type) {
  const url = URL.createObjectURL(new Blob([bytes], { type }));
  const link = element("a", { href: url, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

// ---------------------------------------------------------------- the pad

function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value === true) made.setAttribute(name, "");
    else if (value !== false && value !== undefined) made.setAttribute(name, value);
  }
  made.append(...children.filter((child) => child !== undefined && child !== null));
  return made;
}

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
const STEPS = 64; // of a morph, from pin to pin
const STILLS = 9;
const matches = (query) => globalThis.matchMedia?.(query).matches ?? false;
let pads = 0;

export class Pad {
  /**
   * `data` and `arrays` come from Python. `backend` has `decode(code)`, `decodeMany(codes)` and, if
   * there is an encoder, `encode(ink)`; they may give promises. `onCode(code)` hears of each move.
   */
  constructor(root, data, arrays, backend, onCode = () => {}) {
    Object.assign(this, { root, data, arrays, backend, onCode });
    this.id = `glyphnb-pad-${++pads}`;
    this.d = data.latent_dim;
    this.channels = data.shape[2];
    this.axes = arrays[data.axes];
    const parts = Object.entries(data.density).map(([name, k]) => [name, arrays[k]]);
    this.density = new Density(Object.fromEntries(parts), this.d);
    this.dots = data.dots && arrays[data.dots.codes];
    this.dotLabels = data.dots && arrays[data.dots.labels];
    this.code = Float64Array.from(arrays[data.start]);
    this.pins = data.pins.map((k) => Float64Array.from(arrays[k]));
    this.along = null; // where on the morph the point is, if it is
    this.stops = new AbortController();
    this.build();
    this.watch();
    this.changedPins();
    this.moved();
  }

  // ---- elements

  build() {
    const { id, data } = this;
    const button = (text, onclick, more = {}) => element("button", { type: "button", onclick, ...more }, text);
    this.glyph = makeCanvas(data.shape[1], data.shape[0]);
    this.glyph.setAttribute("role", "img");
    this.near = element("p", { class: "near" });
    this.said = element("p", { class: "unseen", "aria-live": "polite" });
    this.numbers = element("p", { class: "numbers" });
    const letter = element("div", { class: "letter" }, this.glyph, element("div", {}, this.near, this.numbers));

    this.plane = element("canvas", {
      class: "plane",
      tabindex: "0",
      role: "application",
      "aria-label": this.d > 2 ? "Map of the codes" : "Plane of codes",
      "aria-describedby": `${id}-help`,
    });
    const keys = "Arrow keys move the point, with Shift in large steps. A and B set the pins, space plays the morph.";
    const map = element(
      "div",
      { class: "map" },
      this.plane,
      element("p", { class: "help", id: `${id}-help` }, `Drag the point or the pins. ${keys}`),
    );

    this.playButton = button("Play", () => this.play(!this.playing), { class: "main" });
    this.scrub = element("input", {
      type: "range", min: 0, max: STEPS, value: 0, id: `${id}-along`,
      oninput: () => this.goAlong(this.scrub.value / STEPS),
    });
    this.strip = element("canvas", { class: "strip", role: "img" });
    this.saveButton = button("Save GIF", () => this.saveGif());
    this.note = element("p", { class: "note", role: "status" });
    const set = (k) => button("", () => this.setPin(k, this.code), { class: "pin", "data-pin": "AB"[k] });
    this.pinButtons = [set(0), set(1)];
    const morph = element(
      "div",
      { class: "morph", role: "group", "aria-label": "Morph" },
      element("div", { class: "row" }, ...this.pinButtons),
      this.strip,
      element("label", { for: `${id}-along`, class: "unseen" }, "Place along the morph"),
      this.scrub,
      element("div", { class: "row" }, this.playButton, this.saveButton),
      this.note,
    );

    this.sliders = Array.from(this.code, (_, i) => this.makeSlider(i));
    const numbers = element(
      "fieldset",
      { class: "code" },
      element("legend", {}, "The code"),
      this.makeGoTo(),
      element("div", { class: "sliders" }, ...this.sliders.map((slider) => slider.row)),
    );
    const parts = [letter, map, morph, numbers];
    if (data.encoder) parts.push((this.drawing = new Drawing(this)).root);
    this.root.classList.add("glyphnb-pad");
    const kind = this.d > 2 ? "parts many" : "parts";
    this.root.replaceChildren(element("div", { class: kind }, ...parts, this.said));
  }

  makeSlider(i) {
    const [low, high] = [this.arrays[this.data.low][i], this.arrays[this.data.high][i]];
    const id = `${this.id}-z${i + 1}`;
    const input = element("input", {
      type: "range", id, min: low, max: high, step: "any",
      oninput: () => this.setNumber(i, Number(input.value)),
      onkeydown: (event) => {
        if (!(event.key in ARROWS)) return;
        event.preventDefault(); // without steps, browsers differ in how far an arrow key goes
        const [x, y] = ARROWS[event.key];
        this.setNumber(i, this.code[i] + ((x + y) * (high - low)) / (event.shiftKey ? 20 : 100));
      },
    });
    const value = element("output", { for: id });
    const row = element("div", {}, element("label", { for: id }, `z ${i + 1}`), input, value);
    return { input, value, row };
  }

  makeGoTo() {
    if (!this.data.letters) return null;
    const { codes, labels } = this.data.letters;
    const [all, of] = [this.arrays[codes], this.arrays[labels]];
    const options = Array.from(of, (label, k) => element("option", { value: k }, this.data.names[label]));
    const select = element(
      "select",
      {
        id: `${this.id}-goto`,
        onchange: () => {
          const k = Number(select.value);
          if (select.value !== "") this.setCode(all.subarray(k * this.d, (k + 1) * this.d));
          select.value = "";
        },
      },
      element("option", { value: "" }, "choose a letter"),
      ...options,
    );
    return element("p", {}, element("label", { for: `${this.id}-goto` }, "Go to "), select);
  }

  // ---- events

  watch() {
    const { plane } = this;
    const { signal } = this.stops;
    plane.addEventListener("pointerdown", (event) => this.grab(event));
    plane.addEventListener("pointermove", (event) => this.dragged && this.drag(event));
    for (const name of ["pointerup", "pointercancel"]) {
      plane.addEventListener(name, () => (this.dragged = null));
    }
    plane.addEventListener("keydown", (event) => this.key(event));
    plane.addEventListener("keyup", (event) => this.held?.delete(event.key));
    plane.addEventListener("blur", () => this.held?.clear());
    this.resized = new ResizeObserver(() => this.refresh());
    this.resized.observe(plane);
    this.resized.observe(this.strip);
    for (const query of ["(prefers-color-scheme: dark)", "(prefers-reduced-motion: reduce)"]) {
      matchMedia(query).addEventListener("change", () => this.refresh(), { signal });
    }
    this.themed = new MutationObserver(() => this.refresh());
    for (const place of [document.documentElement, document.body]) {
      this.themed.observe(place, { attributes: true });
    }
  }

  /** Let go of everything outside of the pad. */
  remove() {
    this.play(false);
    this.stops.abort();
    this.resized.disconnect();
    this.themed.disconnect();
    this.root.replaceChildren();
  }

  place(event) {
    const box = this.plane.getBoundingClientRect();
    const [x0, y0, x1, y1] = this.data.view;
    return [
      x0 + ((event.clientX - box.left) / box.width) * (x1 - x0),
      y1 - ((event.clientY - box.top) / box.height) * (y1 - y0),
    ];
  }

  grab(event) {
    if (event.button) return;
    event.preventDefault();
    this.plane.focus({ preventScroll: true });
    this.plane.setPointerCapture(event.pointerId);
    this.play(false);
    const [x, y] = this.place(event);
    const reach = 0.035 * (this.data.view[2] - this.data.view[0]) * (event.pointerType === "touch" ? 1.6 : 1);
    const away = (code) => Math.hypot(this.onMap(code)[0] - x, this.onMap(code)[1] - y);
    const pin = [0, 1].sort((a, b) => away(this.pins[a]) - away(this.pins[b]))[0];
    const onPin = away(this.pins[pin]) < reach;
    this.dragged = { pin: onPin ? pin : null };
    if (onPin) this.setCode(this.pins[pin]); // first show what is pinned there
    else this.drag(event);
  }

  drag(event) {
    const [x, y] = this.place(event);
    const code = this.codeAt(x, y);
    if (this.dragged.pin !== null) this.setPin(this.dragged.pin, code);
    this.setCode(code);
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const letter = event.key.toLowerCase();
    if (event.key in ARROWS) this.walk(event);
    else if (letter === "a" || letter === "b") this.setPin(letter === "a" ? 0 : 1, this.code);
    else if (event.key === " ") this.play(!this.playing);
    else return;
    event.preventDefault();
  }

  /** One step, and while a key is held a steady walk. */
  walk(event) {
    this.play(false);
    if (event.repeat && !matches("(prefers-reduced-motion: reduce)")) return;
    this.step(...ARROWS[event.key], event.shiftKey ? 0.1 : 0.02);
    this.held ??= new Set();
    this.held.add(event.key);
    if (this.walking || matches("(prefers-reduced-motion: reduce)")) return;
    const begin = performance.now() + 300;
    let before = begin;
    const on = (now) => {
      if (!this.held.size) return void (this.walking = null);
      if (now > begin) {
        const speed = (0.3 * Math.min(now - before, 50)) / 1000; // of the map's width
        for (const key of this.held) this.step(...ARROWS[key], speed);
      }
      before = now;
      this.walking = requestAnimationFrame(on);
    };
    this.walking = requestAnimationFrame(on);
  }

  step(right, up, share) {
    const [x0, y0, x1, y1] = this.data.view;
    const [x, y] = this.onMap(this.code);
    const inside = (value, low, high) => Math.min(Math.max(value, low), high);
    const length = share * (x1 - x0);
    this.setCode(this.codeAt(inside(x + right * length, x0, x1), inside(y + up * length, y0, y1)));
  }

  // ---- codes

  onMap(code) {
    let [x, y] = [0, 0];
    for (let i = 0; i < this.d; i++) {
      x += this.axes[i] * code[i];
      y += this.axes[this.d + i] * code[i];
    }
    return [x, y];
  }

  codeAt(x, y) {
    return this.d === 2 ? Float64Array.of(x, y) : this.density.codeAt(x, y);
  }

  setNumber(i, value) {
    const [low, high] = [this.arrays[this.data.low][i], this.arrays[this.data.high][i]];
    const code = Float64Array.from(this.code);
    code[i] = Math.min(Math.max(value, low), high);
    this.play(false);
    this.setCode(code);
  }

  setCode(code, along = null) {
    this.code = Float64Array.from(code);
    this.along = along;
    this.moved();
    this.onCode(this.code);
  }

  setPin(k, code) {
    this.pins[k] = Float64Array.from(code);
    this.along = null;
    this.changedPins();
    this.moved();
  }

  /** The labels near a code, and the words for it: parts of a text, letters apart. */
  words(code) {
    if (!this.dots) return [[], []];
    const [first, second] = nearestLetters(code, this.dots, this.dotLabels, 2);
    const [a, b] = [first, second].map((entry) => entry && { letter: this.data.names[entry[0]] });
    if (first[1] > 3 * this.data.reach) return [[a], ["far from all letters; nearest is ", a]];
    if (!b || first[1] < 0.5 * second[1]) return [[a], ["at ", a]];
    return [[a, b], ["between ", a, " and ", b]];
  }

  nameOf(code) {
    return this.words(code)[0][0]?.letter ?? "";
  }

  // ---- drawing

  /** Something moved: draw once, when the screen is drawn next. */
  moved() {
    this.wanted ??= requestAnimationFrame(() => {
      this.wanted = null;
      this.draw();
    });
  }

  async draw() {
    this.drawMap();
    this.tell();
    if (this.asking) return void (this.again = true); // Python answers one question at a time
    const answer = this.backend.decode(this.code);
    if (!(answer instanceof Promise)) return this.show(answer);
    this.asking = true;
    try {
      this.show(await answer);
    } catch (error) {
      this.note.textContent = `No answer: ${error.message ?? error}`;
    }
    this.asking = false;
    if (this.again) this.moved();
    this.again = false;
  }

  show(ink) {
    if (this.note.textContent.startsWith("No answer")) this.note.textContent = "";
    this.paint(this.glyph, ink);
    this.root.dispatchEvent(new CustomEvent("glyphnb-drawn"));
  }

  paint(canvas, ink, x = 0, y = 0) {
    const [height, width, channels] = this.data.shape;
    const { dark, paper } = this.look();
    const pixels = toScreen(ink, channels, dark, paper);
    canvas.getContext("2d").putImageData(new ImageData(pixels, width, height), x, y);
  }

  look() {
    if (this.style) return this.style;
    const style = getComputedStyle(this.root);
    const colour = (name) => style.getPropertyValue(`--${name}`).trim();
    const names = ["map", "density", "ring", "text", "point", "pin-a", "pin-b"];
    const look = Object.fromEntries(names.map((name) => [name, colour(name)]));
    look.dark = colour("dark") === "1";
    look.paper = colour("paper").split(" ").map(Number);
    return (this.style = look);
  }

  /** Everything again: the size or the colours changed. */
  refresh() {
    this.style = this.background = null;
    this.moved();
    this.drawStrip();
    this.drawing?.repaint();
  }

  tell() {
    const [, parts] = this.words(this.code);
    const shown = parts.map((part) => (part.letter ? element("bdi", {}, part.letter) : part));
    this.near.replaceChildren(...shown);
    const text = this.near.textContent;
    const numbers = Array.from(this.code, (value) => value.toFixed(2));
    this.numbers.textContent = this.d > 6 ? "" : `z = (${numbers.join(", ")})`;
    this.glyph.setAttribute("aria-label", `The letter drawn here, ${text}`);
    this.sliders.forEach(({ input, value }, i) => {
      if (document.activeElement !== input || this.along !== null) input.value = this.code[i];
      value.textContent = numbers[i];
      input.setAttribute("aria-valuetext", numbers[i]);
    });
    if (this.along !== null) this.scrub.value = Math.round(this.along * STEPS);
    clearTimeout(this.pause); // a screen reader is told where a movement ends
    this.pause = setTimeout(() => {
      if (this.said.textContent !== text && !this.playing) this.said.textContent = text;
    }, 350);
  }

  drawMap() {
    const scale = globalThis.devicePixelRatio || 1;
    const side = Math.round(this.plane.clientWidth * scale);
    if (!side) return;
    if (this.plane.width !== side || this.plane.height !== side) {
      [this.plane.width, this.plane.height] = [side, side];
      this.background = null;
    }
    this.background ??= this.drawBackground(side, scale);
    const pen = this.plane.getContext("2d");
    const look = this.look();
    pen.drawImage(this.background, 0, 0);
    const at = (code) => this.toPixels(...this.onMap(code), side);
    this.drawing?.drawGaussian(pen, side, scale, look);
    const [a, b] = this.pins.map(at);
    pen.strokeStyle = look.text;
    pen.lineWidth = 1.5 * scale;
    pen.setLineDash([5 * scale, 4 * scale]);
    pen.beginPath();
    pen.moveTo(...a);
    pen.lineTo(...b);
    pen.stroke();
    pen.setLineDash([]);
    [a, b].forEach((place, k) => drawPin(pen, place, "AB"[k], k ? look["pin-b"] : look["pin-a"], look, scale));
    const [x, y] = at(this.code);
    pen.beginPath();
    pen.arc(x, y, 7 * scale, 0, 7);
    pen.fillStyle = look.point;
    pen.fill();
    pen.lineWidth = 2.5 * scale;
    pen.strokeStyle = look.map;
    pen.stroke();
    pen.beginPath();
    pen.arc(x, y, 9 * scale, 0, 7);
    pen.lineWidth = 1.5 * scale;
    pen.strokeStyle = look.point;
    pen.stroke();
  }

  toPixels(x, y, side) {
    const [x0, y0, x1, y1] = this.data.view;
    return [((x - x0) / (x1 - x0)) * side, ((y1 - y) / (y1 - y0)) * side];
  }

  /** What stays: the density, the rings of the prior, the codes of the training images, their letters. */
  drawBackground(side, scale) {
    const look = this.look();
    const canvas = makeCanvas(side, side);
    const pen = canvas.getContext("2d");
    pen.fillStyle = look.map;
    pen.fillRect(0, 0, side, side);
    pen.drawImage(this.drawDensity(look), 0, 0, side, side);
    if (this.data.rings) this.drawRings(pen, side, scale, look);
    if (this.dots) {
      const size = Math.max(1.2, Math.min(2.2, 60 / Math.sqrt(this.dotLabels.length))) * scale;
      for (let k = 0; k < this.dotLabels.length; k++) {
        const place = this.onMap(this.dots.subarray(k * this.d, (k + 1) * this.d));
        pen.fillStyle = hue(this.dotLabels[k], look.dark, 0.65);
        pen.beginPath();
        pen.arc(...this.toPixels(...place, side), size, 0, 7);
        pen.fill();
      }
    }
    this.drawNames(pen, side, scale, look);
    return canvas;
  }

  drawRings(pen, side, scale, look) {
    const [cx, cy] = this.toPixels(0, 0, side);
    pen.font = `${11 * scale}px system-ui, sans-serif`;
    [pen.textAlign, pen.textBaseline] = ["center", "middle"];
    for (const radius of [1, 2]) {
      const r = this.toPixels(radius, 0, side)[0] - cx;
      pen.strokeStyle = look.ring;
      pen.lineWidth = scale;
      pen.beginPath();
      pen.arc(cx, cy, r, 0, 7);
      pen.stroke();
      const name = [`${radius} sd`, cx, cy + r];
      pen.strokeStyle = look.map;
      pen.lineWidth = 5 * scale;
      pen.strokeText(...name);
      pen.fillStyle = look.text;
      pen.fillText(...name);
    }
  }

  drawDensity(look) {
    const n = 160;
    const canvas = makeCanvas(n, n);
    const pen = canvas.getContext("2d");
    const [x0, y0, x1, y1] = this.data.view;
    const values = new Float64Array(n * n);
    for (let k = 0; k < n * n; k++) {
      const [column, row] = [k % n, Math.floor(k / n)];
      values[k] = this.density.at(x0 + ((column + 0.5) / n) * (x1 - x0), y1 - ((row + 0.5) / n) * (y1 - y0));
    }
    const most = values.reduce((a, b) => Math.max(a, b));
    const [r, g, b] = look.density.split(" ").map(Number);
    const image = pen.createImageData(n, n);
    values.forEach((value, k) => image.data.set([r, g, b, 190 * Math.sqrt(value / most)], 4 * k));
    pen.putImageData(image, 0, 0);
    return canvas;
  }

  /** A letter's name at the dot nearest to the middle of its dots; names that would overlap are left out. */
  drawNames(pen, side, scale, look) {
    if (!this.data.spots) return;
    const spots = this.arrays[this.data.spots];
    const size = (side / scale < 420 ? 14 : 17) * scale;
    pen.font = `600 ${size}px system-ui, "Noto Sans", sans-serif`;
    [pen.textAlign, pen.textBaseline, pen.lineJoin] = ["center", "middle", "round"];
    const taken = [];
    this.data.names.forEach((name, k) => {
      const [x, y] = this.toPixels(spots[2 * k], spots[2 * k + 1], side);
      const text = name.length > 8 ? `${name.slice(0, 7)}…` : name;
      const half = Math.max(pen.measureText(text).width / 2, size / 3);
      if (taken.some(([u, v, w]) => Math.abs(x - u) < half + w && Math.abs(y - v) < 0.9 * size)) return;
      taken.push([x, y, half]);
      pen.strokeStyle = look.map;
      pen.lineWidth = 4 * scale;
      pen.strokeText(text, x, y);
      pen.fillStyle = look.text;
      pen.fillText(text, x, y);
    });
  }

  // ---- the morph

  changedPins() {
    this.images = this.even = null;
    this.version = (this.version ?? 0) + 1;
    this.pinButtons.forEach((button, k) => {
      const name = this.nameOf(this.pins[k]);
      button.replaceChildren(element("b", {}, "AB"[k]), " Pin here", element("bdi", { class: "at" }, name));
      button.setAttribute("aria-label", `Set pin ${"AB"[k]} here${name ? `; now at ${name}` : ""}`);
    });
    clearTimeout(this.waiting);
    this.waiting = setTimeout(() => this.drawStrip(), 120);
  }

  between(share) {
    const [a, b] = this.pins;
    return a.map((value, i) => value + share * (b[i] - value));
  }

  /** The images of the morph, at places where it changes by equal amounts. */
  async film() {
    while (!this.images) {
      const version = this.version;
      const equal = Array.from({ length: STEPS + 1 }, (_, k) => this.between(k / STEPS));
      const even = evenPlaces(await this.backend.decodeMany(equal), STEPS + 1);
      const images = await this.backend.decodeMany(even.map((share) => this.between(share)));
      if (version === this.version) Object.assign(this, { even, images });
    }
    return this.images;
  }

  async drawStrip() {
    let images;
    try {
      images = await this.film();
    } catch (error) {
      return void (this.note.textContent = `No morph: ${error.message ?? error}`);
    }
    const [height, width] = this.data.shape;
    [this.strip.width, this.strip.height] = [STILLS * width, height];
    for (let k = 0; k < STILLS; k++) {
      this.paint(this.strip, images[Math.round((k * STEPS) / (STILLS - 1))], k * width);
    }
    const [a, b] = this.pins.map((code) => this.nameOf(code));
    this.strip.setAttribute("aria-label", `The morph from ${a || "A"} to ${b || "B"} in ${STILLS} images`);
  }

  async goAlong(share) {
    this.play(false);
    await this.film();
    this.setAlong(share);
  }

  setAlong(share) {
    const at = share * STEPS;
    const k = Math.min(Math.floor(at), STEPS - 1);
    const place = this.even[k] + (at - k) * (this.even[k + 1] - this.even[k]);
    this.setCode(this.between(place), share);
  }

  async play(on) {
    if (on === Boolean(this.playing)) return;
    cancelAnimationFrame(this.playing);
    this.playing = null;
    this.playButton.textContent = on ? "Pause" : "Play";
    if (!on) return;
    this.playing = -1; // until the film is there
    await this.film();
    if (!this.playing) return;
    const [seconds, rest] = [2.5, 0.5];
    const begin = performance.now() - 1000 * seconds * (this.along ?? 0);
    const still = matches("(prefers-reduced-motion: reduce)");
    let last = null;
    const frame = (now) => {
      this.playing = requestAnimationFrame(frame);
      const time = ((now - begin) / 1000) / (still ? 2 : 1); // images one by one, and slower
      const turn = time % (2 * (seconds + rest));
      const forth = Math.min(turn / seconds, 1);
      const back = Math.min(Math.max((turn - seconds - rest) / seconds, 0), 1);
      let share = Math.min(Math.max(forth - back, 0), 1);
      if (still) share = Math.round(share * (STILLS - 1)) / (STILLS - 1);
      if (share !== last) this.setAlong((last = share));
    };
    this.playing = requestAnimationFrame(frame);
  }

  async saveGif() {
    this.saveButton.disabled = true;
    try {
      const bytes = this.makeGif(await this.film());
      const [a, b] = this.pins.map((code) => this.nameOf(code));
      const clean = (name) => name.replace(/[\\/:*?"<>|\s]+/g, "-");
      const name = `morph-${clean(a) || "A"}-${clean(b) || "B"}.gif`;
      save(bytes, name, "image/gif");
      this.note.textContent = `Saved ${name}`;
    } catch (error) {
      this.note.textContent = `No GIF: ${error.message ?? error}`;
    }
    this.saveButton.disabled = false;
  }

  /** There and back, dark on white, at most 40 frames a second. */
  makeGif(images) {
    const [height, width, channels] = this.data.shape;
    const zoom = Math.max(1, Math.round(256 / Math.max(height, width)));
    const levels = 6; // of each of three colours
    const grey = (k) => Array(3).fill(255 - Math.round((255 * k) / 63));
    const palette =
      channels === 3
        ? Array.from({ length: levels ** 3 }, (_, k) =>
            [k / 36, (k / 6) % 6, k % 6].map((level) => Math.round((255 * Math.floor(level)) / 5)))
        : Array.from({ length: 64 }, (_, k) => grey(k));
    const stills = images.map((ink) => {
      const frame = new Uint8Array(width * height * zoom * zoom);
      for (let y = 0; y < height * zoom; y++) {
        for (let x = 0; x < width * zoom; x++) {
          const i = (Math.floor(y / zoom) * width + Math.floor(x / zoom)) * channels;
          const level = (c, n) => Math.round(Math.min(Math.max(ink[i + c], 0), 1) * n);
          frame[y * width * zoom + x] =
            channels === 3 ? 36 * (5 - level(0, 5)) + 6 * (5 - level(1, 5)) + 5 - level(2, 5) : level(0, 63);
        }
      }
      return frame;
    });
    const frames = [...stills, ...stills.slice(1, -1).reverse()];
    const delays = frames.map((_, k) => (k === 0 || k === STEPS ? 50 : 4)); // hundredths of a second
    return gif(frames, width * zoom, height * zoom, palette, delays);
  }
}

const hue = (k, dark, alpha) => `hsl(${(k * 137.5) % 360} ${dark ? 70 : 60}% ${dark ? 68 : 42}% / ${alpha})`;

function drawPin(pen, [x, y], name, colour, look, scale) {
  const r = 10 * scale;
  pen.beginPath(); // a drop whose tip is the place
  pen.moveTo(x, y);
  pen.bezierCurveTo(x - 0.5 * r, y - 0.9 * r, x - r, y - 1.2 * r, x - r, y - 2 * r);
  pen.arc(x, y - 2 * r, r, Math.PI, 0);
  pen.bezierCurveTo(x + r, y - 1.2 * r, x + 0.5 * r, y - 0.9 * r, x, y);
  pen.fillStyle = colour;
  pen.fill();
  pen.strokeStyle = look.map;
  pen.lineWidth = 1.5 * scale;
  pen.stroke();
  [pen.textAlign, pen.textBaseline] = ["center", "middle"];
  pen.font = `700 ${12 * scale}px system-ui, sans-serif`;
  pen.fillStyle = look.map;
  pen.fillText(name, x, y - 1.95 * r);
}

// ---------------------------------------------------------------- a letter drawn by hand

const BOX = 240; // units per side of the box

class Drawing {
  constructor(pad) {
    this.pad = pad;
    [this.strokes, this.pen, this.down, this.typed] = [[], [BOX / 2, BOX / 2], false, ""];
    this.build();
  }

  build() {
    const { pad } = this;
    const id = `${pad.id}-draw`;
    const [height, width] = pad.data.shape;
    this.box = element("canvas", {
      class: "box",
      tabindex: "0",
      role: "application",
      "aria-label": "Box to draw a letter in",
      "aria-describedby": `${id}-help`,
    });
    [this.box.width, this.box.height] = [2 * BOX, 2 * BOX];
    this.seen = makeCanvas(width, height);
    this.back = makeCanvas(width, height);
    for (const canvas of [this.seen, this.back]) canvas.setAttribute("role", "img");
    this.said = element("p", { class: "note", role: "status" }, "The box is empty.");
    this.neighbours = element("ul", { class: "neighbours" });
    const input = element("input", {
      id: `${id}-letter`, type: "text", size: 4, maxlength: 8, autocomplete: "off", autocapitalize: "off", dir: "auto",
      oninput: () => this.type(input.value),
    });
    this.input = input;
    const figure = (canvas, text) => element("figure", {}, canvas, element("figcaption", {}, text));
    this.root = element(
      "section",
      { class: "draw", "aria-labelledby": `${id}-title` },
      element("h2", { id: `${id}-title` }, "Draw a letter"),
      element(
        "div",
        { class: "sheet" },
        this.box,
        element(
          "div",
          { class: "row" },
          element("button", { type: "button", onclick: () => this.undo() }, "Undo"),
          element("button", { type: "button", onclick: () => this.clear() }, "Clear"),
          element("span", {}, element("label", { for: input.id }, "or type it "), input),
        ),
        element("p", { class: "help", id: `${id}-help` },
          "Draw with a finger or a mouse, or with arrow keys: space puts the pen down and up."),
      ),
      element(
        "div",
        { class: "answers" },
        element("div", { class: "pair" }, figure(this.seen, "what the model sees"), figure(this.back, "its reconstruction")),
        this.said,
        this.neighbours,
      ),
    );
    const at = (event) => {
      const frame = this.box.getBoundingClientRect();
      return [((event.clientX - frame.left) / frame.width) * BOX, ((event.clientY - frame.top) / frame.height) * BOX];
    };
    this.box.addEventListener("pointerdown", (event) => {
      if (event.button) return;
      event.preventDefault();
      this.box.focus({ preventScroll: true });
      this.box.setPointerCapture(event.pointerId);
      this.begin(at(event));
    });
    this.box.addEventListener("pointermove", (event) => {
      if (this.box.hasPointerCapture(event.pointerId)) this.extend(at(event));
    });
    for (const name of ["pointerup", "pointercancel"]) {
      this.box.addEventListener(name, () => (this.down = false));
    }
    this.box.addEventListener("keydown", (event) => this.key(event));
    for (const name of ["focus", "blur"]) this.box.addEventListener(name, () => this.repaint());
    this.repaint();
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key in ARROWS) {
      const [right, up] = ARROWS[event.key];
      const step = event.shiftKey ? 30 : 8;
      const inside = (value) => Math.min(Math.max(value, 0), BOX);
      this.pen = [inside(this.pen[0] + right * step), inside(this.pen[1] - up * step)];
      if (this.down) this.extend(this.pen);
      else this.repaint();
    } else if (event.key === " ") {
      if (this.down) this.down = false;
      else this.begin(this.pen);
      this.repaint();
    } else if (event.key === "Backspace") this.undo();
    else if (event.key === "Delete") this.clear();
    else return;
    event.preventDefault();
  }

  begin(place) {
    if (this.typed) this.clear();
    this.down = true;
    this.strokes.push([place]);
    this.pen = place;
    this.changed();
  }

  extend(place) {
    const stroke = this.strokes[this.strokes.length - 1];
    const [x, y] = stroke[stroke.length - 1];
    if (Math.hypot(place[0] - x, place[1] - y) < 1.5) return;
    stroke.push(place);
    this.pen = place;
    this.changed();
  }

  undo() {
    this.strokes.pop();
    [this.down, this.typed, this.input.value] = [false, "", ""];
    this.changed();
  }

  clear() {
    [this.strokes, this.down, this.typed, this.input.value] = [[], false, "", ""];
    this.changed();
  }

  type(text) {
    [this.strokes, this.down, this.typed] = [[], false, text.trim()];
    this.changed();
  }

  changed() {
    this.wanted ??= requestAnimationFrame(() => {
      this.wanted = null;
      this.repaint();
      this.encode();
    });
  }

  repaint() {
    const { box } = this;
    const pen = box.getContext("2d");
    const look = this.pad.look();
    pen.setTransform(2, 0, 0, 2, 0, 0);
    pen.clearRect(0, 0, BOX, BOX);
    pen.strokeStyle = pen.fillStyle = look.text;
    if (this.typed) this.writeTyped(pen, BOX, 0.6);
    else trace(pen, this.strokes, (point) => point, 12);
    if (document.activeElement === box) {
      pen.beginPath();
      pen.arc(...this.pen, this.down ? 8 : 5, 0, 7);
      pen.lineWidth = 2;
      pen.strokeStyle = look.point;
      pen.stroke();
    }
    if (this.answer) this.paintAnswer();
  }

  writeTyped(pen, side, share) {
    [pen.textAlign, pen.textBaseline] = ["center", "alphabetic"];
    pen.font = `${share * side}px "DejaVu Sans", "Noto Sans Arabic", "Noto Sans", system-ui, sans-serif`;
    const wide = pen.measureText(this.typed).width;
    if (wide > 0.9 * side) pen.font = pen.font.replace(/[\d.]+px/, `${(share * side * 0.9 * side) / wide}px`);
    pen.fillText(this.typed, side / 2, side * 0.66);
  }

  /** The drawing as the training letters are: centred, of their size, with strokes of their width. */
  asLetter() {
    const [height, width] = this.pad.data.shape;
    const { extent, stroke } = this.pad.data.pen;
    const [zoom, side] = [4, Math.min(height, width)];
    const large = makeCanvas(width * zoom, height * zoom);
    const pen = large.getContext("2d");
    const most = extent * side * zoom;
    if (this.typed) {
      const drawn = makeCanvas(512, 512);
      this.writeTyped(drawn.getContext("2d"), 512, 0.5);
      const found = inkBox(drawn);
      if (!found) return null;
      const [x, y, w, h] = found;
      const scale = most / Math.max(w, h);
      pen.imageSmoothingQuality = "high";
      const corner = [(large.width - w * scale) / 2, (large.height - h * scale) / 2];
      pen.drawImage(drawn, x, y, w, h, ...corner, w * scale, h * scale);
    } else {
      const points = this.strokes.flat();
      if (!points.length) return null;
      const [xs, ys] = [0, 1].map((axis) => points.map((point) => point[axis]));
      const ends = [xs, ys].map((values) => [Math.min(...values), Math.max(...values)]);
      const long = Math.max(...ends.map(([low, high]) => high - low), BOX / 8);
      const [thick, middle] = [stroke * side * zoom, ends.map(([low, high]) => (low + high) / 2)];
      const scale = (most - thick) / long;
      const move = ([x, y]) => [(x - middle[0]) * scale + large.width / 2, (y - middle[1]) * scale + large.height / 2];
      trace(pen, this.strokes, move, thick);
    }
    const small = makeCanvas(width, height);
    const brush = small.getContext("2d");
    brush.imageSmoothingQuality = "high";
    brush.drawImage(large, 0, 0, width, height);
    const { channels } = this.pad;
    const ink = ink01(small);
    return channels === 1 ? ink : Float32Array.from({ length: 3 * ink.length }, (_, i) => ink[Math.floor(i / 3)]);
  }

  async encode() {
    const ink = this.asLetter();
    if (!ink) {
      this.answer = null;
      for (const canvas of [this.seen, this.back]) canvas.getContext("2d").clearRect(0, 0, canvas.width, canvas.height);
      this.said.textContent = "The box is empty.";
      this.neighbours.replaceChildren();
      return this.pad.moved();
    }
    if (this.asking) return void (this.again = true);
    this.asking = true;
    try {
      const { mean, deviation } = await this.pad.backend.encode(ink);
      const [back] = await this.pad.backend.decodeMany([mean]);
      this.answer = { ink, mean, deviation, back };
      this.pad.play(false);
      this.pad.setCode(mean);
      this.paintAnswer();
      this.tell();
    } catch (error) {
      this.said.textContent = `No code: ${error.message ?? error}`;
    }
    this.asking = false;
    if (this.again) this.changed();
    this.again = false;
  }

  paintAnswer() {
    this.pad.paint(this.seen, this.answer.ink);
    this.pad.paint(this.back, this.answer.back);
  }

  tell() {
    const { mean, deviation } = this.answer;
    const { pad } = this;
    const list = (values) => `(${Array.from(values.slice(0, 4), (v) => v.toFixed(2)).join(", ")}${values.length > 4 ? ", …" : ""})`;
    const near = pad.dots ? nearestLetters(mean, pad.dots, pad.dotLabels, 5) : [];
    const gaussian = deviation
      ? `Its Gaussian: mean ${list(mean)}, standard deviation ${list(deviation)}.`
      : `Its code: ${list(mean)}.`;
    this.said.replaceChildren(gaussian, near.length ? " Nearest training letters:" : "");
    this.seen.setAttribute("aria-label", "The drawing as the model sees it");
    this.back.setAttribute("aria-label", `Its reconstruction${near.length ? `, near ${pad.data.names[near[0][0]]}` : ""}`);
    this.neighbours.replaceChildren(...near.map(([label, away]) => this.neighbour(label, away)));
  }

  neighbour(label, away) {
    const { pad } = this;
    const [height, width, channels] = pad.data.shape;
    const canvas = makeCanvas(width, height);
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", pad.data.names[label]);
    const k = pad.data.letters && pad.arrays[pad.data.letters.labels].indexOf(label);
    if (k >= 0) {
      const size = height * width * channels;
      const icon = pad.arrays[pad.data.letters.icons].subarray(k * size, (k + 1) * size);
      pad.paint(canvas, Float32Array.from(icon, (value) => value / 255));
    }
    return element("li", {}, canvas, element("bdi", {}, pad.data.names[label]), ` ${away.toFixed(2)}`);
  }

  /** The ellipses of one and two standard deviations, as they lie on the map. */
  drawGaussian(pen, side, scale, look) {
    if (!this.answer?.deviation) return;
    const { pad } = this;
    const { mean, deviation } = this.answer;
    let [xx, xy, yy] = [0, 0, 0];
    for (let i = 0; i < pad.d; i++) {
      const [a, b, v] = [pad.axes[i], pad.axes[pad.d + i], deviation[i] ** 2];
      [xx, xy, yy] = [xx + a * a * v, xy + a * b * v, yy + b * b * v];
    }
    const [half, gap] = [(xx + yy) / 2, Math.hypot((xx - yy) / 2, xy)];
    const [cx, cy] = pad.toPixels(...pad.onMap(mean), side);
    const unit = side / (pad.data.view[2] - pad.data.view[0]);
    pen.strokeStyle = look.point;
    pen.lineWidth = 2 * scale;
    for (const times of [1, 2]) {
      const [long, short] = [half + gap, Math.max(half - gap, 0)].map((v) => Math.max(times * Math.sqrt(v) * unit, 2 * scale));
      pen.beginPath();
      pen.ellipse(cx, cy, long, short, -Math.atan2(2 * xy, xx - yy) / 2, 0, 7);
      pen.stroke();
    }
  }
}

function trace(pen, strokes, move, width) {
  [pen.lineWidth, pen.lineCap, pen.lineJoin] = [width, "round", "round"];
  for (const stroke of strokes) {
    pen.beginPath();
    if (stroke.length === 1) {
      pen.arc(...move(stroke[0]), width / 2, 0, 7); // a line without length is not drawn
      pen.fillStyle = pen.strokeStyle;
      pen.fill();
      continue;
    }
    stroke.forEach((point) => pen.lineTo(...move(point)));
    pen.stroke();
  }
}

// ---------------------------------------------------------------- pages and widgets

/** Decoder and encoder in this browser. */
export function localBackend(data, arrays) {
  const decode = data.decoder && network(data.decoder, arrays);
  const encode = data.encoder && network(data.encoder, arrays);
  const one = (code) => Float32Array.from(decode(code)[0]);
  return {
    decode: one,
    decodeMany: (codes) => codes.map(one),
    encode(ink) {
      const [mean, logVariance] = encode(ink);
      return { mean, deviation: logVariance?.map((v) => Math.exp(v / 2)) };
    },
  };
}

/** Fill an element of a page from its script of JSON. */
export async function start(root) {
  const data = JSON.parse(root.querySelector("script").textContent);
  const arrays = unpack(await inflate(fromBase64(data.bytes)), data.arrays);
  root.glyphnb = new Pad(root, data, arrays, localBackend(data, arrays));
}

/** Questions to Python, answered in the order in which they come back. */
function remoteBackend(model, data) {
  const waiting = new Map();
  let asked = 0;
  const [height, width, channels] = data.shape;
  const size = height * width * channels;
  const hear = ({ id, error, shapes }, buffers) => {
    const { resolve, reject } = waiting.get(id) ?? {};
    if (!resolve) return;
    waiting.delete(id);
    if (error) return reject(new Error(error));
    resolve(buffers.map((view, k) => new Float32Array(view.buffer.slice(view.byteOffset, view.byteOffset + 4 * shapes[k]))));
  };
  model.on("msg:custom", hear);
  const ask = (question, rows) =>
    new Promise((resolve, reject) => {
      const id = `${(asked += 1)}-${Math.random()}`;
      waiting.set(id, { resolve, reject });
      model.send({ id, question, rows: rows.map((row) => Array.from(row)) });
    });
  const decodeMany = async (codes) => {
    const [all] = await ask("decode", codes);
    return codes.map((_, k) => all.subarray(k * size, (k + 1) * size));
  };
  return {
    decode: async (code) => (await decodeMany([code]))[0],
    decodeMany,
    async encode(ink) {
      const [mean, deviation] = await ask("encode", [ink]);
      return { mean: Float64Array.from(mean), deviation };
    },
    close: () => model.off("msg:custom", hear),
  };
}

/** The front end of `LatentPad`, as anywidget asks for it. */
async function render({ model, el }) {
  const data = model.get("data");
  const view = model.get("bytes");
  const bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
  const arrays = unpack(await inflate(bytes), data.arrays);
  const backend = data.decoder ? localBackend(data, arrays) : remoteBackend(model, data);
  let timer = null;
  let own = null;
  const tell = (code) => {
    own = Array.from(code);
    timer ??= setTimeout(() => {
      timer = null;
      model.set("code", own);
      model.save_changes();
    }, 60);
  };
  // Room for the ring of focus; and keys are for the pad, not for JupyterLab's commands.
  const root = element("div", { style: "padding: 6px", "data-lm-suppress-shortcuts": "true" });
  el.append(root);
  arrays[data.start] = Float64Array.from(model.get("code"));
  const pad = new Pad(root, data, arrays, backend, tell);
  root.glyphnb = pad;
  const follow = () => {
    const code = model.get("code");
    if (own && code.every((value, i) => value === own[i])) return; // our own words come back
    pad.code = Float64Array.from(code);
    pad.along = null;
    pad.moved();
  };
  model.on("change:code", follow);
  return () => {
    model.off("change:code", follow);
    backend.close?.();
    pad.remove();
  };
}

export default { render };

if (typeof document !== "undefined") {
  for (const root of document.querySelectorAll("[data-glyphnb-pad]")) start(root);
}
