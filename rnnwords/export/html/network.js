// The recurrent network: rnnwords/network in JavaScript. H units, V vocabulary, G gates per cell.
const sigmoid = (x) => 0.5 * Math.tanh(0.5 * x) + 0.5;

// float16 bits -> number
const HALVES = (() => {
  const values = new Float32Array(1 << 16);
  for (let bits = 0; bits < 1 << 16; bits++) {
    const exponent = (bits >> 10) & 31, fraction = bits & 1023;
    const size = exponent ? (1 + fraction / 1024) * 2 ** (exponent - 15) : fraction * 2 ** -24;
    values[bits] = bits >> 15 ? -size : size;
  }
  return values;
})();

// Rows of 8-bit integers, or of float32, each with a scale. One row per output of a product, or per token of a look-up.
class Matrix {
  constructor(rows, columns, values, scales) {
    Object.assign(this, { rows, columns, values, scales });
  }

  // Add the product with a vector to `out`. Four sums, because the processor can add them at the same time.
  addProduct(x, out) {
    const { rows, columns, values, scales } = this, whole = columns & ~3;
    for (let row = 0, at = 0; row < rows; row++) {
      let a = 0, b = 0, c = 0, d = 0, column = 0;
      for (; column < whole; column += 4, at += 4) {
        a += x[column] * values[at];
        b += x[column + 1] * values[at + 1];
        c += x[column + 2] * values[at + 2];
        d += x[column + 3] * values[at + 3];
      }
      for (; column < columns; column++, at++) a += x[column] * values[at];
      out[row] += (a + b + c + d) * scales[row];
    }
    return out;
  }

  row(number) {
    const start = number * this.columns;
    return Float32Array.from(this.values.subarray(start, start + this.columns), (value) => value * this.scales[number]);
  }
}

// name -> Matrix or Float32Array (a vector), from the bytes that weights.py describes.
function readWeights(bytes, entries) {
  const weights = new Map();
  let offset = 0;
  const take = (Type, count) => {
    const values = new Type(bytes.buffer, offset, count);
    offset += Math.ceil(values.byteLength / 4) * 4;
    return values;
  };
  for (const [name, rows, columns, precision] of entries) {
    const scales = take(Float32Array, rows);
    if (!columns) weights.set(name, scales);
    else if (precision === "int8") weights.set(name, new Matrix(rows, columns, take(Int8Array, rows * columns), scales));
    else {
      const values = Float32Array.from(take(Uint16Array, rows * columns), (bits) => HALVES[bits]);
      weights.set(name, new Matrix(rows, columns, values, scales));
    }
  }
  return weights;
}

const STEPS = {
  // z = products of input and previous output with the kernels; the gates are those of Keras, in its order.
  lstm(z, _, [, cell], size) {
    const h = new Float32Array(size), c = new Float32Array(size);
    for (let i = 0; i < size; i++) {
      c[i] = sigmoid(z[i]) * Math.tanh(z[2 * size + i]) + (cell ? sigmoid(z[size + i]) * cell[i] : 0);
      h[i] = sigmoid(z[3 * size + i]) * Math.tanh(c[i]);
    }
    return [h, c];
  },
  gru(x, r, [before], size) {
    const h = new Float32Array(size);
    for (let i = 0; i < size; i++) {
      const update = sigmoid(x[i] + r[i]), reset = sigmoid(x[size + i] + r[size + i]);
      h[i] = (1 - update) * Math.tanh(x[2 * size + i] + reset * r[2 * size + i]) + (before ? update * before[i] : 0);
    }
    return [h];
  },
  simple(z, _, __, size) {
    return [Float32Array.from(z.subarray(0, size), Math.tanh)];
  },
};

class Network {
  constructor(config, weights) {
    Object.assign(this, { config, weights });
    this.width = config.units * { lstm: 4, gru: 3, simple: 1 }[config.cell]; // of the products of a layer
    this.firstProducts = new Map(); // token id -> products of the first layer
  }

  layer(number, part) {
    return this.weights.get(`${this.config.cell}_${number + 1}/${part}`);
  }

  bias(number, first) {
    return this.layer(number, "bias").slice(first, first + this.width);
  }

  inputProducts(id) {
    let products = this.firstProducts.get(id);
    if (!products) {
      products = this.bias(0, 0);
      const kernel = this.layer(0, "kernel");
      if (this.config.input === "embedding") {
        kernel.addProduct(this.weights.get("embedding/embeddings").row(id), products);
      } else {
        const row = this.config.input === "one-hot" ? kernel.row(id) : kernel.map((value) => value * id);
        row.forEach((value, place) => { products[place] += value; });
      }
      if (this.firstProducts.size * this.width > 1 << 23) this.firstProducts.clear();
      this.firstProducts.set(id, products);
    }
    return products.slice();
  }

  // The state of each layer after a token; `state` null is that before any.
  step(id, state) {
    const { units, layers, cell } = this.config, after = [];
    for (let number = 0; number < layers; number++) {
      const before = state ? state[number] : [];
      const x = number ? this.layer(number, "kernel").addProduct(after[number - 1][0], this.bias(number, 0))
        : this.inputProducts(id);
      const recurrent = cell === "gru" ? this.bias(number, this.width) : x;
      if (state) this.layer(number, "recurrent_kernel").addProduct(before[0], recurrent);
      after.push(STEPS[cell](x, recurrent, before, units));
    }
    return after;
  }

  // (V,) natural log-probabilities of the next token after a state.
  logProbs(state) {
    const { tie, embedding, units, vocabulary_size: size } = this.config, output = state.at(-1)[0];
    let x = output;
    if (tie && embedding !== units) {
      x = this.weights.get("projection/kernel").addProduct(output, new Float64Array(embedding));
    }
    const kernel = this.weights.get(tie ? "embedding/embeddings" : "output/kernel");
    const head = logSoftmax(kernel.addProduct(x, Float64Array.from(this.weights.get("output/bias"))));
    if (!this.weights.has("tail_1/kernel")) return head;
    const result = new Float64Array(size), first = head.length - 2; // adaptive softmax, two tails
    result.set(head.subarray(0, first));
    for (let tail = 1, start = first; tail <= 2; tail++) {
      const projection = this.weights.get(`tail_${tail}/projection`);
      const projected = projection.addProduct(output, new Float64Array(projection.rows));
      const bias = Float64Array.from(this.weights.get(`tail_${tail}/bias`));
      const values = logSoftmax(this.weights.get(`tail_${tail}/kernel`).addProduct(projected, bias));
      result.set(values.map((value) => value + head[first + tail - 1]), start);
      start += values.length;
    }
    return result;
  }
}

function logSoftmax(logits) {
  const largest = logits.reduce((one, other) => Math.max(one, other), -Infinity);
  const sum = largest + Math.log(logits.reduce((total, value) => total + Math.exp(value - largest), 0));
  return logits.map((value) => value - sum);
}
