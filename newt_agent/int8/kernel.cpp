// One perceptron for many rows, with products of 8-bit integers (AVX-512 VNNI). `int8.py` says what
// the numbers mean; every row of activations stays in the cache from the first layer to the last.

#include <immintrin.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <vector>

namespace {

constexpr int kBlock = 48;       // rows that go through all layers together
constexpr int kRowsAtOnce = 6;   // of a product: 6 x 4 sums fill the registers
constexpr int kTile = 64;        // columns of a product
constexpr int kLanes = 16;       // entries of a register
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

__m512 exponential(__m512 x) {
  const __m512 t = _mm512_mul_ps(x, _mm512_set1_ps(1.44269504f));
  const __m512 n = _mm512_roundscale_ps(t, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  const __m512 f = _mm512_sub_ps(t, n);
  __m512 p = _mm512_set1_ps(1.33335581e-3f);  // Taylor series of 2^f
  p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(9.61812911e-3f));
  p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(5.55041087e-2f));
  p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(2.40226507e-1f));
  p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(6.93147181e-1f));
  p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(1.0f));
  return _mm512_scalef_ps(p, n);
}

// x n / (n + 2) with n = e (e + 2), e = exp x.
__m512 mish(__m512 x) {
  const __m512 two = _mm512_set1_ps(2.0f);
  const __m512 e = exponential(_mm512_min_ps(x, _mm512_set1_ps(kLarge)));
  const __m512 n = _mm512_mul_ps(e, _mm512_add_ps(e, two));
  return _mm512_mul_ps(x, _mm512_mul_ps(n, _mm512_rcp14_ps(_mm512_add_ps(n, two))));
}

__mmask16 lanes(int64_t left) {
  return left >= kLanes ? 0xFFFF : static_cast<__mmask16>((1 << left) - 1);
}

__m128i rounded_bytes(__m512 x) {
  return _mm512_cvtusepi32_epi8(_mm512_cvtps_epi32(_mm512_max_ps(x, _mm512_setzero_ps())));
}

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

using Product = decltype(&product<1>);
constexpr Product kProducts[kRowsAtOnce + 1] = {nullptr,    product<1>, product<2>, product<3>,
                                                product<4>, product<5>, product<6>};

// Layer norm in terms of a factor and a summand of each entry: (h - mean) / std.
struct Norm {
  __m512 factor, summand;

  Norm(const float* h, int64_t n) {
    __m512 sum = _mm512_setzero_ps(), squares = _mm512_setzero_ps();
    for (int64_t i = 0; i < n; i += kLanes) {
      const __m512 v = _mm512_loadu_ps(h + i);
      sum = _mm512_add_ps(sum, v);
      squares = _mm512_fmadd_ps(v, v, squares);
    }
    const float mean = _mm512_reduce_add_ps(sum) / n;
    const float variance = std::max(_mm512_reduce_add_ps(squares) / n - mean * mean, 0.0f);
    const float inverse = 1.0f / std::sqrt(variance + kEps);
    factor = _mm512_set1_ps(inverse);
    summand = _mm512_set1_ps(-mean * inverse);
  }

  __m512 operator()(const float* h, const float* gain, const float* shift) const {
    const __m512 normed = _mm512_fmadd_ps(_mm512_loadu_ps(h), factor, summand);
    return _mm512_fmadd_ps(normed, _mm512_loadu_ps(gain), _mm512_loadu_ps(shift));
  }
};

// Layer norm, Mish, 8 bits; returns what one unit of `u` is worth.
float activate(float* h, int64_t n, const float* gain, const float* shift, float low, uint8_t* u) {
  const Norm norm(h, n);
  __m512 largest = _mm512_setzero_ps();
  for (int64_t i = 0; i < n; i += kLanes) {
    const __m512 y = mish(norm(h + i, gain + i, shift + i));
    largest = _mm512_max_ps(largest, y);
    _mm512_storeu_ps(h + i, y);
  }
  const float unit = (_mm512_reduce_max_ps(largest) - low) / 255.0f;
  const __m512 inverse = _mm512_set1_ps(1.0f / unit);
  const __m512 summand = _mm512_set1_ps(-low / unit);
  for (int64_t i = 0; i < n; i += kLanes) {
    const __m512 v = _mm512_fmadd_ps(_mm512_loadu_ps(h + i), inverse, summand);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(u + i), rounded_bytes(v));
  }
  return unit;
}

// Layer norm, softmax of groups of eight, 255ths.
void simnorm(float* h, int64_t n, const float* gain, const float* shift, uint8_t* out) {
  const Norm norm(h, n);
  for (int64_t i = 0; i < n; i += kLanes)
    _mm512_storeu_ps(h + i, norm(h + i, gain + i, shift + i));
  const int64_t stride = n / 8;
  for (int64_t i = 0; i < stride; i += kLanes) {
    const __mmask16 mask = lanes(stride - i);
    __m512 v[8];
    __m512 largest = _mm512_maskz_loadu_ps(mask, h + i);
    for (int g = 0; g < 8; ++g) {
      v[g] = _mm512_maskz_loadu_ps(mask, h + i + g * stride);
      largest = _mm512_max_ps(largest, v[g]);
    }
    __m512 sum = _mm512_setzero_ps();
    for (auto& entry : v) {
      entry = exponential(_mm512_sub_ps(entry, largest));
      sum = _mm512_add_ps(sum, entry);
    }
    const __m512 factor = _mm512_div_ps(_mm512_set1_ps(255.0f), sum);
    for (int g = 0; g < 8; ++g)
      _mm_mask_storeu_epi8(out + i + g * stride, mask,
                           rounded_bytes(_mm512_mul_ps(v[g], factor)));
  }
}

// The scalar that logits of bins between -limit and limit, in symlog space, stand for.
float two_hot(const float* logits, int64_t n, float limit) {
  const __m512 lowest = _mm512_set1_ps(-1e30f);
  __m512 largest = lowest;
  for (int64_t i = 0; i < n; i += kLanes)
    largest = _mm512_max_ps(largest, _mm512_mask_loadu_ps(lowest, lanes(n - i), logits + i));
  const __m512 shift = _mm512_set1_ps(_mm512_reduce_max_ps(largest));
  const float spacing = 2 * limit / (n - 1);
  __m512 bin = _mm512_setr_ps(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  __m512 sum = _mm512_setzero_ps(), weighted = _mm512_setzero_ps();
  for (int64_t i = 0; i < n; i += kLanes) {
    const __m512 v = _mm512_mask_loadu_ps(lowest, lanes(n - i), logits + i);
    const __m512 p = exponential(_mm512_sub_ps(v, shift));
    sum = _mm512_add_ps(sum, p);
    weighted = _mm512_fmadd_ps(p, bin, weighted);
    bin = _mm512_add_ps(bin, _mm512_set1_ps(kLanes));
  }
  const float mean = _mm512_reduce_add_ps(weighted) / _mm512_reduce_add_ps(sum) * spacing - limit;
  return std::copysign(std::expm1(std::abs(mean)), mean);
}

// The bytes that go into the first layer: latents as they are, actions from [-1, 1], zeros.
void fill_rows(const Call& call, int64_t first_row, int64_t num_rows, uint8_t* u, int64_t stride) {
  const __m512 half = _mm512_set1_ps(127.5f);
  for (int64_t r = 0; r < num_rows; ++r) {
    uint8_t* row = u + r * stride;
    std::memcpy(row, call.x + (first_row + r) * call.x_dim, call.x_dim);
    const float* actions = call.actions + (first_row + r) * call.action_dim;
    for (int64_t i = 0; i < call.action_dim; i += kLanes) {
      const __mmask16 mask = lanes(call.action_dim - i);
      const __m512 v = _mm512_maskz_loadu_ps(mask, actions + i);
      _mm_mask_storeu_epi8(row + call.x_dim + i, mask,
                           rounded_bytes(_mm512_fmadd_ps(v, half, half)));
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
        kProducts[std::min<int64_t>(kRowsAtOnce, num_rows - r)](
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
      __m512 largest = _mm512_set1_ps(1e-12f);
      for (int64_t i = 0; i < inputs; i += kLanes)
        largest = _mm512_max_ps(
            largest, _mm512_abs_ps(_mm512_maskz_loadu_ps(lanes(inputs - i), row + i)));
      const float scale = _mm512_reduce_max_ps(largest) / 127.0f;
      const __m512 inverse = _mm512_set1_ps(1.0f / scale);
      int8_t* tile = m.matrix + (member * width + o / kTile * kTile) * depth + o % kTile * 4;
      __m512i sum = _mm512_setzero_si512();
      for (int64_t i = 0; i < depth; i += kLanes) {
        const __mmask16 mask = inputs > i ? lanes(inputs - i) : 0;
        const __m512 entries = _mm512_mul_ps(_mm512_maskz_loadu_ps(mask, row + i), inverse);
        const __m512i rounded = _mm512_cvtps_epi32(entries);
        const __mmask16 before = m.summed_from > i ? lanes(m.summed_from - i) : 0;
        sum = _mm512_mask_add_epi32(sum, _knot_mask16(before), sum, rounded);
        int8_t bytes[kLanes];
        _mm_storeu_si128(reinterpret_cast<__m128i*>(bytes), _mm512_cvtepi32_epi8(rounded));
        for (int64_t j = 0; j < std::min<int64_t>(kLanes, depth - i); j += 4)
          std::memcpy(tile + (i + j) * kTile, bytes + j, 4);
      }
      m.scale[member * width + o] = scale;
      m.sum[member * width + o] = scale * static_cast<float>(_mm512_reduce_add_epi32(sum));
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
