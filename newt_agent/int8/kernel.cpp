// One perceptron for many rows, with products of 8-bit integers (AVX-512 VNNI, AVX-VNNI or AVX2).
// `world_model.py` says what the numbers mean; every row of activations stays in the cache from the
// first layer to the last.

#include "lanes.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <utility>
#include <vector>

namespace {

constexpr int kBlock = 48;       // rows that go through all layers together
constexpr int kTile = 64;        // columns of a product
constexpr float kEps = 1e-5f;    // of layer norm
constexpr float kLarge = 20.0f;  // Mish is the identity from here on, in float32

enum Last : int64_t { kLinear = 0, kSimNorm = 1, kTwoHot = 2 };

}  // namespace

extern "C" {

struct Matrix {
  const float* entries;  // (members, outputs, inputs)
  int8_t* matrix;        // as in Layer
  float* scale;          // as in Layer
  float* sum;            // (members, tiles * 64), of the rounded entries from some input on
  int64_t members, outputs, inputs, summed_from, num_threads;
};

struct Layer {
  const int8_t* matrix;  // (members, tiles, inputs / 4, 64, 4)
  const float* scale;    // (members, tiles * 64)
  const float* bias;     // (members, tiles * 64); the first layer's is the context
  const float* gain;     // (members, outputs); none without layer norm
  const float* shift;    // (members, outputs)
  int64_t inputs;        // a multiple of 4
  int64_t outputs;
};

struct Call {
  const uint8_t* x;       // (slots, rows, x_dim)
  const float* actions;   // (slots, rows, action_dim), in [-1, 1]
  const float* context;   // (calls, slots, outputs of the first layer)
  const int64_t* member;  // (calls,)
  void* out;              // (calls, slots, rows, ...)
  const Layer* layers;
  int64_t x_dim, action_dim, num_calls, num_slots, num_rows, num_layers, last, num_threads;
  float low;              // what 0 stands for in hidden layers
  float two_hot_limit;
};

}  // extern "C"

namespace {

Floats exponential(Floats x) {
  const Floats t = x * all(1.44269504f);
  const Floats n = nearest(t);
  const Floats f = t - n;
  Floats p = all(1.33335581e-3f);  // Taylor series of 2^f
  p = multiply_add(p, f, all(9.61812911e-3f));
  p = multiply_add(p, f, all(5.55041087e-2f));
  p = multiply_add(p, f, all(2.40226507e-1f));
  p = multiply_add(p, f, all(6.93147181e-1f));
  p = multiply_add(p, f, all(1.0f));
  return scaled(p, n);
}

// x n / (n + 2) with n = e (e + 2), e = exp x.
Floats mish(Floats x) {
  const Floats e = exponential(min(x, all(kLarge)));
  const Floats n = e * (e + all(2.0f));
  return x * (n * about_inverse(n + all(2.0f)));
}

#ifdef __AVX512VNNI__

constexpr int kRowsAtOnce = 6;  // of a product: 6 x 4 sums fill the registers

// The sums of `Rows` rows and one tile of columns; named, for compilers keep arrays in memory.
template <int Rows>
struct Sums {
  Sums<Rows - 1> above;
  __m512i a = _mm512_setzero_si512(), b = a, c = a, d = a;

  inline __attribute__((always_inline)) void add(const uint8_t* u, int64_t stride, __m512i wa,
                                                 __m512i wb, __m512i wc, __m512i wd) {
    above.add(u, stride, wa, wb, wc, wd);
    int32_t four;
    std::memcpy(&four, u + (Rows - 1) * stride, 4);
    const __m512i v = _mm512_set1_epi32(four);
    a = _mm512_dpbusd_epi32(a, v, wa);
    b = _mm512_dpbusd_epi32(b, v, wb);
    c = _mm512_dpbusd_epi32(c, v, wc);
    d = _mm512_dpbusd_epi32(d, v, wd);
  }

  void store(const float* row_scale, const float* scale, const float* bias, float* h,
             int64_t stride) const {
    above.store(row_scale, scale, bias, h, stride);
    const __m512 factor = _mm512_set1_ps(row_scale[Rows - 1]);
    const __m512i sums[4] = {a, b, c, d};
    for (int i = 0; i < 4; ++i) {
      const __m512 both = _mm512_mul_ps(_mm512_loadu_ps(scale + i * kLanes), factor);
      const __m512 v = _mm512_cvtepi32_ps(sums[i]);
      _mm512_storeu_ps(h + (Rows - 1) * stride + i * kLanes,
                       _mm512_fmadd_ps(v, both, _mm512_loadu_ps(bias + i * kLanes)));
    }
  }
};

template <>
struct Sums<0> {
  void add(const uint8_t*, int64_t, __m512i, __m512i, __m512i, __m512i) {}
  void store(const float*, const float*, const float*, float*, int64_t) const {}
};

// h = row_scale * scale * (u @ matrix) + bias, for `Rows` rows and one tile of columns.
template <int Rows>
void product(const uint8_t* u, int64_t u_stride, const int8_t* matrix, int64_t inputs,
             const float* row_scale, const float* scale, const float* bias, float* h,
             int64_t h_stride) {
  Sums<Rows> sums;
  for (int64_t k = 0; k < inputs; k += 4, matrix += 4 * kTile)
    sums.add(u + k, u_stride, _mm512_loadu_si512(matrix), _mm512_loadu_si512(matrix + 64),
             _mm512_loadu_si512(matrix + 128), _mm512_loadu_si512(matrix + 192));
  sums.store(row_scale, scale, bias, h, h_stride);
}

#else

constexpr int kRowsAtOnce = 4;  // of a product: 4 x 2 sums and what is multiplied fit the registers

// Four products of unsigned and signed bytes in each of eight lanes, added to their sums. Without
// VNNI, bytes are widened: the instruction that multiplies them saturates at 16 bits.
struct Weights {
#ifdef __AVXVNNI__
  __m256i bytes;

  explicit Weights(const int8_t* p)
      : bytes(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p))) {}

  __m256i add_to(__m256i sum, __m256i u) const { return _mm256_dpbusd_avx_epi32(sum, u, bytes); }
#else
  __m256i even, odd;

  explicit Weights(const int8_t* p) {
    const __m256i bytes = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
    even = _mm256_srai_epi16(_mm256_slli_epi16(bytes, 8), 8);
    odd = _mm256_srai_epi16(bytes, 8);
  }

  __m256i add_to(__m256i sum, __m256i u) const {
    const __m256i u_even = _mm256_and_si256(u, _mm256_set1_epi16(0xFF));
    const __m256i first = _mm256_madd_epi16(even, u_even);
    const __m256i second = _mm256_madd_epi16(odd, _mm256_srli_epi16(u, 8));
    return _mm256_add_epi32(sum, _mm256_add_epi32(first, second));
  }
#endif
};

// h = row_scale * scale * (u @ matrix) + bias, for `Rows` rows and one tile of columns.
template <int Rows>
void product(const uint8_t* u, int64_t u_stride, const int8_t* matrix, int64_t inputs,
             const float* row_scale, const float* scale, const float* bias, float* h,
             int64_t h_stride) {
  for (int column = 0; column < kTile; column += kLanes) {
    __m256i left[Rows], right[Rows];
    for (int r = 0; r < Rows; ++r) left[r] = right[r] = _mm256_setzero_si256();
    const int8_t* entries = matrix + 4 * column;
    for (int64_t k = 0; k < inputs; k += 4, entries += 4 * kTile) {
      const Weights of_left(entries), of_right(entries + 32);
      for (int r = 0; r < Rows; ++r) {
        int32_t four;
        std::memcpy(&four, u + r * u_stride + k, 4);
        const __m256i v = _mm256_set1_epi32(four);
        left[r] = of_left.add_to(left[r], v);
        right[r] = of_right.add_to(right[r], v);
      }
    }
    for (int r = 0; r < Rows; ++r) {
      const Floats sums = {_mm256_cvtepi32_ps(left[r]), _mm256_cvtepi32_ps(right[r])};
      const Floats both = load(scale + column) * all(row_scale[r]);
      store(h + r * h_stride + column, multiply_add(sums, both, load(bias + column)));
    }
  }
}

#endif

using Product = decltype(&product<1>);

template <int... Rows>
Product product_of(int64_t num_rows, std::integer_sequence<int, Rows...>) {
  constexpr Product kProducts[] = {product<Rows + 1>...};
  return kProducts[num_rows - 1];
}

// Layer norm in terms of a factor and a summand of each entry: (h - mean) / std.
struct Norm {
  Floats factor, summand;

  Norm(const float* h, int64_t n) {
    Floats sum = all(0.0f), squares = all(0.0f);
    for (int64_t i = 0; i < n; i += kLanes) {
      const Floats v = load(h + i);
      sum = sum + v;
      squares = multiply_add(v, v, squares);
    }
    const float mean = sum_of(sum) / n;
    const float variance = std::max(sum_of(squares) / n - mean * mean, 0.0f);
    const float inverse = 1.0f / std::sqrt(variance + kEps);
    factor = all(inverse);
    summand = all(-mean * inverse);
  }

  Floats operator()(const float* h, const float* gain, const float* shift) const {
    return multiply_add(multiply_add(load(h), factor, summand), load(gain), load(shift));
  }
};

// Layer norm, Mish, 8 bits; returns what one unit of `u` is worth.
float activate(float* h, int64_t n, const float* gain, const float* shift, float low, uint8_t* u) {
  const Norm norm(h, n);
  Floats largest = all(0.0f);
  for (int64_t i = 0; i < n; i += kLanes) {
    const Floats y = mish(norm(h + i, gain + i, shift + i));
    largest = max(largest, y);
    store(h + i, y);
  }
  const float unit = (largest_of(largest) - low) / 255.0f;
  const Floats inverse = all(1.0f / unit), summand = all(-low / unit);
  for (int64_t i = 0; i < n; i += kLanes)
    store_bytes(u + i, rounded_bytes(multiply_add(load(h + i), inverse, summand)));
  return unit;
}

// Layer norm, softmax of groups of eight, 255ths.
void simnorm(float* h, int64_t n, const float* gain, const float* shift, uint8_t* out) {
  const Norm norm(h, n);
  for (int64_t i = 0; i < n; i += kLanes) store(h + i, norm(h + i, gain + i, shift + i));
  const int64_t stride = n / 8;
  for (int64_t i = 0; i < stride; i += kLanes) {
    Floats v[8];
    Floats largest = load_some(h + i, stride - i);
    for (int g = 0; g < 8; ++g) {
      v[g] = load_some(h + i + g * stride, stride - i);
      largest = max(largest, v[g]);
    }
    Floats sum = all(0.0f);
    for (auto& entry : v) {
      entry = exponential(entry - largest);
      sum = sum + entry;
    }
    const Floats factor = all(255.0f) / sum;
    for (int g = 0; g < 8; ++g)
      store_some_bytes(out + i + g * stride, rounded_bytes(v[g] * factor), stride - i);
  }
}

// The scalar that logits of bins between -limit and limit, in symlog space, stand for.
float two_hot(const float* logits, int64_t n, float limit) {
  constexpr float kLowest = -1e30f;
  constexpr float kFirst[kLanes] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
  Floats largest = all(kLowest);
  for (int64_t i = 0; i < n; i += kLanes)
    largest = max(largest, load_some(logits + i, n - i, kLowest));
  const Floats shift = all(largest_of(largest));
  const float spacing = 2 * limit / (n - 1);
  Floats bin = load(kFirst), sum = all(0.0f), weighted = all(0.0f);
  for (int64_t i = 0; i < n; i += kLanes) {
    const Floats p = exponential(load_some(logits + i, n - i, kLowest) - shift);
    sum = sum + p;
    weighted = multiply_add(p, bin, weighted);
    bin = bin + all(kLanes);
  }
  const float mean = sum_of(weighted) / sum_of(sum) * spacing - limit;
  return std::copysign(std::expm1(std::abs(mean)), mean);
}

// The bytes that go into the first layer: latents as they are, actions from [-1, 1], zeros.
void fill_rows(const Call& call, int64_t first_row, int64_t num_rows, uint8_t* u, int64_t stride) {
  const Floats half = all(127.5f);
  for (int64_t r = 0; r < num_rows; ++r) {
    uint8_t* row = u + r * stride;
    std::memcpy(row, call.x + (first_row + r) * call.x_dim, call.x_dim);
    const float* actions = call.actions + (first_row + r) * call.action_dim;
    for (int64_t i = 0; i < call.action_dim; i += kLanes) {
      const int64_t left = call.action_dim - i;
      const Floats v = multiply_add(load_some(actions + i, left), half, half);
      store_some_bytes(row + call.x_dim + i, rounded_bytes(v), left);
    }
    const int64_t used = call.x_dim + call.action_dim;
    std::memset(row + used, 0, stride - used);
  }
}

void run_block(const Call& call, int64_t index, int64_t slot, int64_t start) {
  const int64_t num_rows = std::min<int64_t>(kBlock, call.num_rows - start);
  const int64_t member = call.member[index];
  const int64_t first_row = slot * call.num_rows + start;
  thread_local std::vector<uint8_t> u;
  thread_local std::vector<float> h;
  float row_scale[kBlock];
  std::fill_n(row_scale, num_rows, 1.0f);

  int64_t u_stride = call.layers[0].inputs;
  u.resize(std::max<size_t>(u.size(), kBlock * u_stride));
  fill_rows(call, first_row, num_rows, u.data(), u_stride);

  for (int64_t l = 0; l < call.num_layers; ++l) {
    const Layer& layer = call.layers[l];
    const int64_t num_tiles = (layer.outputs + kTile - 1) / kTile, width = num_tiles * kTile;
    h.resize(std::max<size_t>(h.size(), kBlock * width));
    const float* bias = l ? layer.bias + member * width
                          : call.context + (index * call.num_slots + slot) * width;
    for (int64_t t = 0; t < num_tiles; ++t) {
      const int64_t column = t * kTile;
      const int8_t* matrix = layer.matrix + (member * width + column) * layer.inputs;
      for (int64_t r = 0; r < num_rows; r += kRowsAtOnce)
        product_of(std::min<int64_t>(kRowsAtOnce, num_rows - r),
                   std::make_integer_sequence<int, kRowsAtOnce>())(
            u.data() + r * u_stride, u_stride, matrix, layer.inputs, row_scale + r,
            layer.scale + member * width + column, bias + column, h.data() + r * width + column,
            width);
    }
    const bool is_last = l == call.num_layers - 1;
    if (!is_last) u.resize(std::max<size_t>(u.size(), kBlock * layer.outputs));
    const float* gain = layer.gain + member * layer.outputs;
    const float* shift = layer.shift + member * layer.outputs;
    for (int64_t r = 0; r < num_rows; ++r) {
      float* row = h.data() + r * width;
      const int64_t out_row = index * call.num_slots * call.num_rows + first_row + r;
      if (!is_last)
        row_scale[r] = activate(row, layer.outputs, gain, shift, call.low,
                                u.data() + r * layer.outputs);
      else if (call.last == kLinear)
        std::memcpy(static_cast<float*>(call.out) + out_row * layer.outputs, row,
                    layer.outputs * sizeof(float));
      else if (call.last == kSimNorm)
        simnorm(row, layer.outputs, gain, shift,
                static_cast<uint8_t*>(call.out) + out_row * layer.outputs);
      else
        static_cast<float*>(call.out)[out_row] =
            two_hot(row, layer.outputs, call.two_hot_limit);
    }
    u_stride = layer.outputs;
  }
}

}  // namespace

extern "C" void pack(const Matrix* given) {
  const Matrix& m = *given;
  const int64_t width = (m.outputs + kTile - 1) / kTile * kTile, depth = (m.inputs + 3) / 4 * 4;
#pragma omp parallel for collapse(2) num_threads(m.num_threads)
  for (int64_t member = 0; member < m.members; ++member)
    for (int64_t o = 0; o < width; ++o) {
      const float* row = m.entries + (member * m.outputs + o) * m.inputs;
      const int64_t inputs = o < m.outputs ? m.inputs : 0;
      Floats largest = all(1e-12f);
      for (int64_t i = 0; i < inputs; i += kLanes)
        largest = max(largest, absolute(load_some(row + i, inputs - i)));
      const float scale = largest_of(largest) / 127.0f;
      const Floats inverse = all(1.0f / scale);
      int8_t* tile = m.matrix + (member * width + o / kTile * kTile) * depth + o % kTile * 4;
      int32_t sum = 0;
      for (int64_t i = 0; i < depth; i += kLanes) {
        const int64_t left = std::max<int64_t>(inputs - i, 0);
        int8_t bytes[kLanes];
        store_bytes(bytes, rounded_signed_bytes(load_some(row + i, left) * inverse));
        for (int64_t j = 0; j < kLanes; ++j) sum += i + j >= m.summed_from ? bytes[j] : 0;
        for (int64_t j = 0; j < std::min<int64_t>(kLanes, depth - i); j += 4)
          std::memcpy(tile + (i + j) * kTile, bytes + j, 4);
      }
      m.scale[member * width + o] = scale;
      m.sum[member * width + o] = scale * static_cast<float>(sum);
    }
}

extern "C" void run(const Call* call) {
  const int64_t num_blocks = (call->num_rows + kBlock - 1) / kBlock;
#pragma omp parallel for collapse(3) schedule(dynamic) num_threads(call->num_threads)
  for (int64_t index = 0; index < call->num_calls; ++index)
    for (int64_t slot = 0; slot < call->num_slots; ++slot)
      for (int64_t block = 0; block < num_blocks; ++block)
        run_block(*call, index, slot, block * kBlock);
}
