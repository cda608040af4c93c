// Sixteen floats at once, in one register of AVX-512 or in two of AVX2; the same sums in both.

#pragma once

#include <immintrin.h>

#include <cstdint>
#include <cstring>

constexpr int kLanes = 16;

#ifdef __AVX512F__

struct Floats {
  __m512 v;
};

inline Floats all(float x) { return {_mm512_set1_ps(x)}; }
inline Floats load(const float* p) { return {_mm512_loadu_ps(p)}; }
inline void store(float* p, Floats x) { _mm512_storeu_ps(p, x.v); }
inline Floats operator+(Floats x, Floats y) { return {_mm512_add_ps(x.v, y.v)}; }
inline Floats operator-(Floats x, Floats y) { return {_mm512_sub_ps(x.v, y.v)}; }
inline Floats operator*(Floats x, Floats y) { return {_mm512_mul_ps(x.v, y.v)}; }
inline Floats operator/(Floats x, Floats y) { return {_mm512_div_ps(x.v, y.v)}; }
inline Floats max(Floats x, Floats y) { return {_mm512_max_ps(x.v, y.v)}; }
inline Floats min(Floats x, Floats y) { return {_mm512_min_ps(x.v, y.v)}; }
inline Floats absolute(Floats x) { return {_mm512_abs_ps(x.v)}; }
inline float sum_of(Floats x) { return _mm512_reduce_add_ps(x.v); }
inline float largest_of(Floats x) { return _mm512_reduce_max_ps(x.v); }

// x y + z
inline Floats multiply_add(Floats x, Floats y, Floats z) {
  return {_mm512_fmadd_ps(x.v, y.v, z.v)};
}

// 1 / x to 14 bits or better.
inline Floats about_inverse(Floats x) { return {_mm512_rcp14_ps(x.v)}; }

inline Floats nearest(Floats x) {
  return {_mm512_roundscale_ps(x.v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)};
}

// x 2^n for whole n.
inline Floats scaled(Floats x, Floats n) { return {_mm512_scalef_ps(x.v, n.v)}; }

inline __mmask16 lanes(int64_t count) {
  return count >= kLanes ? 0xFFFF : static_cast<__mmask16>((1 << count) - 1);
}

// The first `count` of the sixteen, and `other` behind them.
inline Floats load_some(const float* p, int64_t count, float other = 0.0f) {
  return {_mm512_mask_loadu_ps(_mm512_set1_ps(other), lanes(count), p)};
}

// Rounded, between 0 and 255.
inline __m128i rounded_bytes(Floats x) {
  return _mm512_cvtusepi32_epi8(_mm512_cvtps_epi32(_mm512_max_ps(x.v, _mm512_setzero_ps())));
}

// Rounded, of numbers between -127 and 127.
inline __m128i rounded_signed_bytes(Floats x) {
  return _mm512_cvtepi32_epi8(_mm512_cvtps_epi32(x.v));
}

#else

struct Floats {
  __m256 v, w;
};

inline Floats all(float x) { return {_mm256_set1_ps(x), _mm256_set1_ps(x)}; }
inline Floats load(const float* p) { return {_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)}; }
inline void store(float* p, Floats x) {
  _mm256_storeu_ps(p, x.v);
  _mm256_storeu_ps(p + 8, x.w);
}
inline Floats operator+(Floats x, Floats y) {
  return {_mm256_add_ps(x.v, y.v), _mm256_add_ps(x.w, y.w)};
}
inline Floats operator-(Floats x, Floats y) {
  return {_mm256_sub_ps(x.v, y.v), _mm256_sub_ps(x.w, y.w)};
}
inline Floats operator*(Floats x, Floats y) {
  return {_mm256_mul_ps(x.v, y.v), _mm256_mul_ps(x.w, y.w)};
}
inline Floats operator/(Floats x, Floats y) {
  return {_mm256_div_ps(x.v, y.v), _mm256_div_ps(x.w, y.w)};
}
inline Floats max(Floats x, Floats y) {
  return {_mm256_max_ps(x.v, y.v), _mm256_max_ps(x.w, y.w)};
}
inline Floats min(Floats x, Floats y) {
  return {_mm256_min_ps(x.v, y.v), _mm256_min_ps(x.w, y.w)};
}
inline Floats absolute(Floats x) {
  const __m256 sign = _mm256_set1_ps(-0.0f);
  return {_mm256_andnot_ps(sign, x.v), _mm256_andnot_ps(sign, x.w)};
}

// In the order in which AVX-512 adds: halves, quarters, eighths.
inline float sum_of(Floats x) {
  const __m256 eight = _mm256_add_ps(x.v, x.w);
  const __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
  const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_add_ss(two, _mm_shuffle_ps(two, two, 1)));
}
inline float largest_of(Floats x) {
  const __m256 eight = _mm256_max_ps(x.v, x.w);
  const __m128 four = _mm_max_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
  const __m128 two = _mm_max_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_max_ss(two, _mm_shuffle_ps(two, two, 1)));
}
inline Floats multiply_add(Floats x, Floats y, Floats z) {
  return {_mm256_fmadd_ps(x.v, y.v, z.v), _mm256_fmadd_ps(x.w, y.w, z.w)};
}

// A division: the approximation of AVX is not the same on every processor.
inline Floats about_inverse(Floats x) { return all(1.0f) / x; }

inline Floats nearest(Floats x) {
  constexpr int kHow = _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC;
  return {_mm256_round_ps(x.v, kHow), _mm256_round_ps(x.w, kHow)};
}

// 2^n is 0 below the smallest normal number.
inline Floats scaled(Floats x, Floats n) {
  n = max(min(n, all(127.0f)), all(-127.0f));
  const __m256i bias = _mm256_set1_epi32(127);
  const auto power = [bias](__m256 exponent) {
    const __m256i biased = _mm256_add_epi32(_mm256_cvtps_epi32(exponent), bias);
    return _mm256_castsi256_ps(_mm256_slli_epi32(biased, 23));
  };
  return {_mm256_mul_ps(x.v, power(n.v)), _mm256_mul_ps(x.w, power(n.w))};
}

inline Floats load_some(const float* p, int64_t count, float other = 0.0f) {
  if (count >= kLanes) return load(p);
  float some[kLanes];
  for (auto& entry : some) entry = other;
  std::memcpy(some, p, count * sizeof(float));
  return load(some);
}

// The low bytes of 16-bit numbers that a pack has left in the order 0, 2, 1, 3 of quarters.
inline __m128i in_order(__m256i words) {
  const __m256i ordered = _mm256_permute4x64_epi64(words, 0b11'01'10'00);
  return _mm_packus_epi16(_mm256_castsi256_si128(ordered), _mm256_extracti128_si256(ordered, 1));
}

inline __m128i rounded_bytes(Floats x) {
  x = min(max(x, all(0.0f)), all(255.0f));
  return in_order(_mm256_packus_epi32(_mm256_cvtps_epi32(x.v), _mm256_cvtps_epi32(x.w)));
}

inline __m128i rounded_signed_bytes(Floats x) {
  const __m256i words = _mm256_packs_epi32(_mm256_cvtps_epi32(x.v), _mm256_cvtps_epi32(x.w));
  return in_order(_mm256_and_si256(words, _mm256_set1_epi16(0xFF)));
}

#endif

inline void store_bytes(void* p, __m128i bytes) {
  _mm_storeu_si128(static_cast<__m128i*>(p), bytes);
}

inline void store_some_bytes(void* p, __m128i bytes, int64_t count) {
  if (count >= kLanes) return store_bytes(p, bytes);
  uint8_t some[kLanes];
  store_bytes(some, bytes);
  std::memcpy(p, some, count);
}
